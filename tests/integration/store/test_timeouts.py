"""Every wait for PostgreSQL has a limit, and a long statement is not abandoned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import LockNotAvailable, QueryCanceled

from store import timeouts
from store.database import Database, church_scope, fetch_unscoped, open_database, system_scope
from store.errors import ServerUnresponsive, StatementUnresponsive
from store.interruptible_connection import shared_wait
from store.timeouts import COMMAND, HOUSEKEEPING, SENDING, WEB, Timeouts
from tests.harness.waiting import wait_until

Open = Callable[[Timeouts], Database]
SETTINGS = (
    "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), "
    "current_setting('idle_in_transaction_session_timeout')"
)


@pytest.fixture
def opened(database_url: str) -> Iterator[Open]:
    databases: list[Database] = []

    def open_one(timeouts: Timeouts) -> Database:
        databases.append(open_database(database_url, size=1, name="timeouts", timeouts=timeouts))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


def test_a_request_ends_within_five_seconds_if_the_server_becomes_unresponsive() -> None:
    waiting_seconds = max(WEB.connection, WEB.probe_after)
    assert waiting_seconds + timeouts.PROBE_SECONDS < 5
    assert not WEB.waits_for_server


def test_the_timeouts_apply_inside_a_transaction_and_end_with_it(opened: Open) -> None:
    database = opened(WEB)

    with church_scope(database, uuid4()) as connection:
        assert connection.execute(SETTINGS).fetchone() == ("30s", "10s", "30s")
    with system_scope(database, timeouts=COMMAND) as connection:
        assert connection.execute(SETTINGS).fetchone() == ("10min", "30s", "2min")

    assert fetch_unscoped(database, SETTINGS, {}) == [("0", "0", "0")]


@pytest.mark.parametrize("role", [WEB, SENDING, HOUSEKEEPING, COMMAND])
def test_every_kind_of_process_has_finite_timeouts(role: Timeouts) -> None:
    assert 0 < role.lock < role.statement < role.longest_wait < float("inf")
    assert 0 < role.probe_after < role.statement
    assert role.idle_in_transaction > 0


def test_a_statement_that_takes_too_long_is_cancelled(opened: Open) -> None:
    database = opened(replace(WEB, statement=0.2))

    with pytest.raises(QueryCanceled), system_scope(database) as connection:
        connection.execute("SELECT pg_sleep(60)")

    with system_scope(database) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_statement_that_waits_for_a_lock_too_long_is_cancelled(opened: Open, superuser_database_url: str) -> None:
    database = opened(replace(WEB, lock=0.2))
    with psycopg.connect(superuser_database_url) as other:
        other.execute("LOCK churches IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(LockNotAvailable), system_scope(database) as connection:
            connection.execute("SELECT name FROM churches")


def test_a_long_statement_completes_while_the_server_responds_to_others(opened: Open) -> None:
    database = opened(replace(WEB, probe_after=0.1))

    with system_scope(database) as connection:
        assert connection.execute("SELECT pg_sleep(1), 'slept'").fetchone() == ("", "slept")


def test_a_statement_that_the_server_does_not_end_is_abandoned_and_cancelled(
    opened: Open, superuser_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "GRACE_SECONDS", 0.5)
    database = opened(replace(WEB, statement=0.2, probe_after=0.1))

    with pytest.raises(StatementUnresponsive), system_scope(database) as connection:
        connection.execute("SELECT set_config('statement_timeout', '0', true)")
        connection.execute("SELECT pg_sleep(600), 'stuck'")

    with psycopg.connect(superuser_database_url, autocommit=True) as server:
        left = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%''stuck''%%' AND pid <> pg_backend_pid()"
        wait_until(lambda: server.execute(f"{left} AND state = %s", ("active",)).fetchone() == (0,), timeout_seconds=30)


def test_waits_inside_shared_wait_share_one_timeout(opened: Open) -> None:
    database = opened(replace(WEB, connection=0.3))
    with shared_wait(), system_scope(database) as first, pytest.raises(psycopg.OperationalError):
        first.execute("SELECT pg_sleep(0.5)")
        with system_scope(database):
            pass
    assert isinstance(ServerUnresponsive(), psycopg.OperationalError)


def test_parameters_of_the_url_replace_the_defaults() -> None:
    parameters = conninfo_to_dict(WEB.conninfo("postgresql://a:b@h/d?connect_timeout=9&sslmode=require", name="web"))
    assert (parameters["connect_timeout"], parameters["sslmode"], parameters["password"]) == ("9", "require", "b")
    assert (parameters["tcp_user_timeout"], parameters["application_name"]) == ("5000", "koinonia web")
