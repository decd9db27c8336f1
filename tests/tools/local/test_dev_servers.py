"""The embedded PostgreSQL and Valkey: they start for root and for anybody, keep what they have, and leave no orphan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.harness.process_tree import descendants, is_running
from tests.harness.waiting import wait_until
from tools.local.environment import ROOT

OWNER = str(Path(__file__).with_name("servers_owner.py"))
NOBODY = 65534
# Somebody else than root who may nevertheless read this clone, wherever it lies.
AS_USER = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
)
is_root = os.getuid() == 0
only_root = pytest.mark.skipif(not is_root or not shutil.which("setpriv"), reason="needs root and setpriv")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@contextmanager
def owner(folder: Path, *way: str, prefix: tuple[str, ...] = ()) -> Generator[dict[str, Any]]:
    """Both servers, until their owner is killed with SIGKILL; then not one process of theirs may be left."""
    command = (*prefix, sys.executable, "-B", OWNER, str(folder), *way)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the servers did not start"
            theirs = descendants(process.pid)
            told = json.loads(line)
            assert set(told["pids"]) < theirs
            yield told
        finally:
            process.kill()
    wait_until(lambda: not any(map(is_running, theirs)), timeout_seconds=20.0)


def write(told: dict[str, Any]) -> None:
    with psycopg.connect(told["database_url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'still here' AS text")
    with Redis.from_url(told["redis_url"], decode_responses=True) as redis:
        redis.set("kept", "still here")


def read(told: dict[str, Any]) -> tuple[Any, Any]:
    with psycopg.connect(told["database_url"]) as connection:
        row = connection.execute("SELECT text FROM kept").fetchone()
    with Redis.from_url(told["redis_url"], decode_responses=True) as redis:
        return row and row[0], redis.get("kept")


@pytest.mark.parametrize(
    ("way", "prefix"),
    [
        pytest.param((), (), id="as we are"),
        pytest.param(("nobody",), (), id="root without user namespaces", marks=only_root),
        pytest.param((), AS_USER, id="an ordinary user", marks=only_root),
    ],
)
def test_a_killed_owner_leaves_no_process_and_the_data_stays(
    tmp_path: Path, way: tuple[str, ...], prefix: tuple[str, ...]
) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    if prefix:
        os.chown(folder, NOBODY, NOBODY)
    with owner(folder, *way, prefix=prefix) as told:
        write(told)
    with owner(folder, *way, prefix=prefix) as told:
        assert read(told) == ("still here", "still here")
    assert "database system was shut down at" in (folder / "postgres.log").read_text()


@only_root
def test_files_of_one_way_are_taken_over_by_the_other(tmp_path: Path) -> None:
    with owner(tmp_path, "nobody") as told:
        write(told)
    with owner(tmp_path) as told:
        assert read(told) == ("still here", "still here")


def test_a_lock_file_that_names_a_stranger_does_not_matter(tmp_path: Path) -> None:
    with owner(tmp_path) as told:
        write(told)
    # As after a power cut, when the number went to another process.
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path / 'postgres'}\n")
    with owner(tmp_path) as told:
        assert read(told)[0] == "still here"


def test_an_initdb_that_was_killed_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres.half"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with owner(tmp_path):
        assert not half.exists()


def test_the_products_role_is_plain_and_owns_its_database(tmp_path: Path) -> None:
    with owner(tmp_path) as told, psycopg.connect(told["database_url"]) as connection:
        role = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        owns = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert role == ("koinonia", False, False, False, False)
    assert owns == ("koinonia",)


def test_a_full_valkey_refuses_and_a_stranger_is_not_let_in(tmp_path: Path) -> None:
    with owner(tmp_path) as told:
        with Redis.from_url(told["redis_url"], decode_responses=True) as redis:
            assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert redis.config_get("appendonly") == {"appendonly": "yes"}
        port = told["redis_url"].split(":")[-1].split("/")[0]
        with Redis(port=int(port)) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
