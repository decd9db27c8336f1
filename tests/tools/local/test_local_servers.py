"""The embedded PostgreSQL and Valkey start as any user, keep their data, and leave no process behind."""

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
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from processes import child_process
from tests.harness.process_tree import descendants, is_running
from tests.harness.waiting import wait_until
from tools.local import valkey
from tools.local.environment import ROOT

OWNER_SCRIPT = str(Path(__file__).with_name("servers_owner.py"))
NOBODY = 65534
# Runs a command as a user other than root, who may read the project's folder wherever it is.
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
pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
]


@contextmanager
def running_servers(folder: Path, *options: str, prefix: tuple[str, ...] = ()) -> Generator[dict[str, Any]]:
    """Start both servers in an owner process, and yield their URLs and process ids.

    At the end, kill the owner with SIGKILL, and wait until none of the servers' processes is left.
    """
    command = (*prefix, sys.executable, "-B", OWNER_SCRIPT, str(folder), *options)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the servers did not start"
            servers_pids = descendants(process.pid)
            servers = json.loads(line)
            assert set(servers["pids"]) < servers_pids
            yield servers
        finally:
            process.kill()
    wait_until(lambda: not any(map(is_running, servers_pids)), timeout_seconds=60.0)


def write(servers: dict[str, Any]) -> None:
    with psycopg.connect(servers["database_url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'still here' AS text")
    with Redis.from_url(servers["redis_url"], decode_responses=True) as redis:
        redis.set("kept", "still here")


def read(servers: dict[str, Any]) -> tuple[Any, Any]:
    with psycopg.connect(servers["database_url"]) as connection:
        row = connection.execute("SELECT text FROM kept").fetchone()
    with Redis.from_url(servers["redis_url"], decode_responses=True) as redis:
        return row and row[0], redis.get("kept")


@pytest.mark.parametrize(
    ("options", "prefix"),
    [
        pytest.param((), (), id="the current user"),
        pytest.param(("nobody",), (), id="root without user namespaces", marks=only_root),
        pytest.param((), AS_USER, id="an ordinary user", marks=only_root),
    ],
)
def test_when_the_owner_is_killed_no_process_is_left_and_the_data_is_kept(
    tmp_path: Path, options: tuple[str, ...], prefix: tuple[str, ...]
) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    if prefix:
        os.chown(folder, NOBODY, NOBODY)
    with running_servers(folder, *options, prefix=prefix) as servers:
        write(servers)
    with running_servers(folder, *options, prefix=prefix) as servers:
        assert read(servers) == ("still here", "still here")
    assert "database system was shut down at" in (folder / "postgres.log").read_text()


@only_root
def test_files_are_usable_when_another_user_starts_the_servers(tmp_path: Path) -> None:
    with running_servers(tmp_path, "nobody") as servers:
        write(servers)
    with running_servers(tmp_path) as servers:
        assert read(servers) == ("still here", "still here")


def test_a_stale_lock_file_is_ignored(tmp_path: Path) -> None:
    with running_servers(tmp_path) as servers:
        write(servers)
    # As after a power failure, when another process has the recorded process id.
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path / 'postgres'}\n")
    with running_servers(tmp_path) as servers:
        assert read(servers)[0] == "still here"


def test_an_interrupted_initdb_is_repeated(tmp_path: Path) -> None:
    incomplete = tmp_path / "postgres.half"
    incomplete.mkdir()
    (incomplete / "PG_VERSION").write_text("18\n")
    with running_servers(tmp_path):
        assert not incomplete.exists()


def test_the_products_role_has_no_privileges_and_owns_its_database(tmp_path: Path) -> None:
    with running_servers(tmp_path) as servers, psycopg.connect(servers["database_url"]) as connection:
        role = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        owns = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert role == ("koinonia", False, False, False, False)
    assert owns == ("koinonia",)


def test_valkey_evicts_nothing_is_durable_and_requires_a_password(tmp_path: Path, free_port: int) -> None:
    server = valkey.prepare(tmp_path / "valkey", port=free_port, password="letters4digits")
    process = child_process.start(server.program(output=tmp_path / "valkey.log"))
    try:
        wait_until(server.is_ready)
        with Redis.from_url(server.url(), decode_responses=True) as redis:
            assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert redis.config_get("appendonly") == {"appendonly": "yes"}
        no_retry = Retry(NoBackoff(), 0)
        with Redis(port=free_port, retry=no_retry) as client, pytest.raises(AuthenticationError):
            client.ping()
    finally:
        child_process.kill(process)
