"""The steps of `flask check-database`, over one connection."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from api.checks.database_connection import CheckConnection
from api.checks.steps import Suite
from channels.check_steps import CheckFailed, CheckWarning, Step
from settings import DatabaseSettings, mask_url
from store import database_checks, role, schema
from store.errors import UnfitDatabase
from store.migrate import OLDEST_SERVER

FULL, FILLING = 0.9, 0.75
"""Shares of the connections from which the check fails, and warns."""
DEAD_SHARE = 0.4
OLD_SECONDS, TOO_OLD_SECONDS = 600.0, 3600.0
"""Ages of a transaction from which the check warns, and fails."""
CLOCK_SECONDS = 5.0
_REACH = (
    "check that PostgreSQL runs, that this machine can reach it, and that user and password in DATABASE_URL are correct"
)


@contextmanager
def database_suite(settings: DatabaseSettings) -> Generator[Suite]:
    """The suite. Its connection is closed at the end."""
    with ExitStack() as stack:
        checks = DatabaseChecks(stack.enter_context(CheckConnection(settings.database_url)))
        yield Suite(
            name="database",
            target=mask_url(settings.database_url),
            steps=checks.steps(),
            is_lost=lambda _error: checks.is_lost,
        )


class DatabaseChecks:
    def __init__(self, session: CheckConnection) -> None:
        self._session = session

    @property
    def is_lost(self) -> bool:
        return self._session.is_lost

    def steps(self) -> list[Step]:
        migrate = f"run {schema.COMMAND} of the release that is to run"
        return [
            Step(name="Connect", check=self._connect, remedy=_REACH, is_required=True),
            Step(name="Version", check=self._is_recent, remedy="use PostgreSQL 18 or newer"),
            Step(name="Migrations", check=self._is_migrated, remedy=migrate),
            Step(name="Role", check=self._role, remedy="ALTER ROLE … NOSUPERUSER NOBYPASSRLS, as a superuser"),
            Step(
                name="Row security",
                check=self._row_security,
                remedy="enable and force row security on these tables, as store/migrations/ does",
            ),
            Step(name="Indexes", check=self._indexes, remedy="REINDEX INDEX CONCURRENTLY …"),
            Step(
                name="Bloat",
                check=self._bloat,
                remedy="VACUUM the table, and see why autovacuum does not: old transactions",
            ),
            Step(
                name="Oldest transaction",
                check=self._oldest_transaction,
                remedy="end it: SELECT pg_terminate_backend(pid)",
            ),
            Step(
                name="Connections",
                check=self._connections,
                remedy="stop what is not needed, lower DATABASE_POOL_SIZE, or raise the limit (max_connections)",
            ),
            Step(
                name="Prepared transactions",
                check=self._prepared_transactions,
                remedy="the service uses none: COMMIT PREPARED or ROLLBACK PREPARED '…'",
            ),
            Step(name="Clock", check=self._clock, remedy="let NTP set the clocks of both machines"),
            Step(
                name="Read and write",
                check=self._read_and_write,
                remedy="check the disk of the server, and that DATABASE_URL names the primary",
            ),
        ]

    def _connect(self) -> str:
        return f"connected as {self._session.open()}"

    def _is_recent(self) -> str:
        version = self._session.server_version
        if version < OLDEST_SERVER:
            raise CheckFailed(f"PostgreSQL {_shown_version(version)}")
        return f"PostgreSQL {_shown_version(version)}"

    def _is_migrated(self) -> str:
        with self._session.transaction() as connection:
            return f"{_checked(schema.check, connection)} applied, none missing"

    def _role(self) -> str:
        with self._session.transaction() as connection:
            return f"{_checked(role.check, connection)} is no superuser and has no BYPASSRLS"

    def _row_security(self) -> str:
        with self._session.transaction() as connection:
            unprotected = database_checks.unprotected_tables(connection)
            protected = database_checks.protected_table_count(connection)
        if unprotected:
            raise CheckFailed(f"not enabled and forced on {_listed([table.table_name for table in unprotected])}")
        if not protected:
            raise CheckFailed("no table has row security", remedy=f"run {schema.COMMAND}")
        return f"enabled and forced on {protected} tables, among them all with rows of churches"

    def _indexes(self) -> str:
        with self._session.transaction() as connection:
            invalid = database_checks.invalid_indexes(connection)
            count = database_checks.index_count(connection)
        names = [index.index_name for index in invalid if not index.is_being_built]
        if names:
            raise CheckFailed(f"invalid, so queries do not use them: {_listed(names)}")
        if invalid:
            raise CheckWarning(
                f"being built now: {_listed([index.index_name for index in invalid])}", remedy="wait for it"
            )
        return f"all {count} are valid"

    def _bloat(self) -> str:
        with self._session.transaction() as connection:
            table = database_checks.most_bloated_table(connection)
        if table is None:
            return "no table has many dead rows"
        share = table.dead_rows / (table.dead_rows + table.live_rows)
        vacuumed = f"last vacuumed {table.vacuumed_at:%Y-%m-%d %H:%M} UTC" if table.vacuumed_at else "never vacuumed"
        shown = f"{table.table_name}: {share:.0%} of {table.dead_rows + table.live_rows:,} rows are dead, {vacuumed}"
        if share >= DEAD_SHARE:
            raise CheckWarning(shown)
        return f"at most {shown}"

    def _oldest_transaction(self) -> str:
        with self._session.transaction() as connection:
            oldest = database_checks.oldest_transaction(connection)
        if oldest is None:
            return "none is open"
        shown = f"open for {oldest.age_seconds:,.0f} s ({oldest.state}, pid {oldest.pid}, {oldest.application_name})"
        return _judge_age(oldest.age_seconds, shown)

    def _prepared_transactions(self) -> str:
        with self._session.transaction() as connection:
            oldest = database_checks.oldest_prepared_transaction(connection)
        if oldest is None:
            return "none"
        raise CheckFailed(f"{oldest.gid}, prepared {oldest.age_seconds:,.0f} s ago")

    def _connections(self) -> str:
        with self._session.transaction() as connection:
            used, limit, whose = database_checks.count_connections(connection).nearest_limit
        shown = f"{used} of {limit}, the limit of {whose}"
        if used / limit >= FULL:
            raise CheckFailed(shown)
        if used / limit >= FILLING:
            raise CheckWarning(shown)
        return shown

    def _clock(self) -> str:
        with self._session.transaction() as connection:
            before = datetime.now(UTC)
            there = database_checks.read_clock(connection)
            after = datetime.now(UTC)
        difference = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
        shown = f"differs by {difference:.3f} s from this machine's"
        if difference > CLOCK_SECONDS:
            raise CheckFailed(shown)
        return shown

    def _read_and_write(self) -> str:
        with self._session.transaction(rolls_back=True) as connection:
            if not database_checks.write_and_read(connection):
                raise CheckFailed("a row that was written could not be read")
        began = time.perf_counter()
        with self._session.transaction() as connection:
            database_checks.assign_transaction_id(connection)
        return f"a row could be written and read; a commit took {(time.perf_counter() - began) * 1000:.1f} ms"


def _checked(check: Any, connection: Connection[Any]) -> Any:
    """Return what the check returns. Raises CheckFailed with the message of an UnfitDatabase."""
    try:
        return check(connection)
    except UnfitDatabase as error:
        raise CheckFailed(str(error)) from error


def _judge_age(age_seconds: float, shown: str) -> str:
    if age_seconds >= TOO_OLD_SECONDS:
        raise CheckFailed(shown)
    if age_seconds >= OLD_SECONDS:
        raise CheckWarning(shown)
    return shown


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _shown_version(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"
