"""On a database with another schema than theirs, workers and clock exit with the command to run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from settings import Settings
from store.migrate import migrate
from tests.harness.databases import empty_database_beside
from tests.harness.waiting import wait_until
from tests.harness.worker_process import environment_of, running_worker
from tools.local.environment import ROOT

COMMAND = "python -m store.migrate"


def never_migrated(_url: str) -> None: ...


def of_an_older_release(url: str) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute(
            "DELETE FROM _yoyo_migration WHERE migration_id = (SELECT max(migration_id) FROM _yoyo_migration)"
        )


def of_a_newer_release(url: str) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO _yoyo_migration (migration_hash, migration_id) VALUES ('x', '9999_newer')")


@pytest.fixture
def unfit(settings: Settings, superuser_database_url: str) -> Iterator[Settings]:
    with empty_database_beside(settings.database_url, superuser_database_url) as url:
        yield settings.model_copy(update={"database_url": url})


@pytest.mark.parametrize(
    ("program", "arguments", "make"),
    [
        ("worker", ("-m", "jobs.worker.run_worker", "sms"), never_migrated),
        ("clock", ("-m", "jobs.clock"), of_an_older_release),
        ("worker", ("worker.py",), of_a_newer_release),
    ],
)
def test_it_exits_with_one_line_that_names_the_command(
    unfit: Settings, program: str, arguments: tuple[str, ...], make: Callable[[str], None]
) -> None:
    make(unfit.database_url)
    command, environment = (sys.executable, *arguments), environment_of(unfit)

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=90)

    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith(f"{program}: The database ")
    assert COMMAND in line


@pytest.mark.extended
def test_a_worker_that_is_started_before_postgresql_waits_for_it(
    settings: Settings, free_port: int, tmp_path: Path
) -> None:
    away = settings.model_copy(update={"database_url": f"postgresql://app:app@127.0.0.1:{free_port}/app"})

    with running_worker(away, tmp_path / "output") as worker:
        wait_until(lambda: "waiting for PostgreSQL" in (tmp_path / "output").read_text(), timeout_seconds=60)
        assert worker.poll() is None
        worker.terminate()
        assert worker.wait(timeout=60) == 0
