"""PostgreSQL behind a pooler in transaction mode: the harness's own always, and PgBouncer where it is installed.

The harness's pooler stands in for PgBouncer 1.18; its docstring lists what it does to its clients.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import QueryCanceled

from store import pooler
from store.database import Database, church_scope, open_database, system_scope
from store.errors import StatementUnresponsive
from store.interruptible_connection import InterruptibleConnection
from store.migrate import MigrationError, migrate
from store.timeouts import SENDING, Timeouts
from tests.harness.churches import add_contacts, create_church
from tests.harness.pgbouncer import PROGRAM, running_pgbouncer
from tests.harness.transaction_pooler import TransactionPooler, transaction_pooler
from tests.integration.store.ledger import together
from tools.local.environment import ROOT

MORE_THAN_PSYCOPG_PREPARES_AFTER = 40
ROUNDS = 20


@pytest.fixture
def own_pooler(database_url: str, free_port: int) -> Iterator[TransactionPooler]:
    with transaction_pooler(database_url, port=free_port) as running:
        yield running


@pytest.fixture(params=["the harness's pooler", *(["PgBouncer"] if PROGRAM else [])])
def pooled_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path, free_port: int) -> Iterator[str]:
    if request.param == "PgBouncer":
        with running_pgbouncer(database_url, tmp_path, port=free_port) as pgbouncer:
            yield pgbouncer.url
    else:
        yield request.getfixturevalue("own_pooler").url


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Database]:
    database = open_database(pooled_url, size=4, name="test", timeouts=SENDING)
    yield database
    database.close()


def names(database: Database, church_id: UUID) -> list[str]:
    with church_scope(database, church_id) as connection:
        rows = connection.execute("SELECT name FROM contacts WHERE church_id = %s", (church_id,))
        return sorted(name for (name,) in rows)


def test_the_same_statements_again_and_again(pooled: Database) -> None:
    church_id = create_church(pooled).church_id

    for number in range(MORE_THAN_PSYCOPG_PREPARES_AFTER):
        add_contacts(pooled, church_id, count=1, first=number)

    assert len(names(pooled, church_id)) == MORE_THAN_PSYCOPG_PREPARES_AFTER


def test_churches_that_share_server_connections_see_only_their_own_rows(pooled: Database) -> None:
    churches = [create_church(pooled).church_id for _ in range(4)]
    for number, church_id in enumerate(churches):
        add_contacts(pooled, church_id, count=1, first=number)

    def read(number: int) -> set[tuple[str, ...]]:
        return {tuple(names(pooled, churches[number])) for _ in range(ROUNDS)}

    assert together(4, read) == [{(f"Person {number}",)} for number in range(4)]


def test_a_transaction_leaves_nothing_on_the_server_connection(pooled_url: str, pooled: Database) -> None:
    church_id = create_church(pooled).church_id
    add_contacts(pooled, church_id, count=1)

    with psycopg.connect(pooled_url, autocommit=True, prepare_threshold=None) as other:
        left = "SELECT current_setting('koinonia.church', true), current_setting('statement_timeout')"
        found = {other.execute(left).fetchone() for _ in range(ROUNDS)}
        rows = {other.execute("SELECT count(*) FROM contacts").fetchone() for _ in range(ROUNDS)}

    assert found <= {("", "0"), (None, "0")}
    assert rows == {(0,)}


def test_a_statement_that_takes_too_long_is_cancelled(pooled_url: str) -> None:
    """The request to cancel goes through the pooler, to the server process that has the statement."""
    quick = Timeouts(statement=0, lock=1, idle_in_transaction=60, connection=3, probe_after=60, unacknowledged=20)
    database = open_database(pooled_url, size=1, name="test", timeouts=quick)
    try:
        with pytest.raises(StatementUnresponsive), system_scope(database) as connection:
            assert isinstance(connection, InterruptibleConnection)
            connection.longest_wait_seconds = 0.5
            connection.execute("SELECT pg_sleep(3600)")
        with system_scope(database) as connection:
            running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(3600)%' "
            assert connection.execute(running + "AND pid <> pg_backend_pid()").fetchone() == (0,)
    finally:
        database.close()


def test_a_pooler_is_told_from_postgresql(pooled_url: str, database_url: str) -> None:
    with psycopg.connect(pooled_url, autocommit=True) as one, psycopg.connect(database_url, autocommit=True) as other:
        assert (pooler.is_pooled(one), pooler.is_pooled(other)) == (True, False)


def test_statements_are_prepared_without_a_pooler_only(pooled: Database, database_url: str) -> None:
    direct = open_database(database_url, size=1, name="test", timeouts=SENDING)
    try:
        with system_scope(direct) as one, system_scope(pooled) as other:
            assert (one.prepare_threshold, other.prepare_threshold) == (5, None)
    finally:
        direct.close()


def test_migrating_through_a_pooler_is_refused_with_the_variable_to_set(pooled_url: str) -> None:
    with pytest.raises(MigrationError, match="set DIRECT_DATABASE_URL"):
        migrate(pooled_url)

    with psycopg.connect(pooled_url, autocommit=True, prepare_threshold=None) as connection:
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert connection.execute(locks).fetchone() == (0,)


def test_migrations_use_the_direct_address(own_pooler: TransactionPooler, empty_database: str) -> None:
    pooled = urlunsplit(urlsplit(own_pooler.url)._replace(path=urlsplit(empty_database).path))
    environment = {
        "DATABASE_URL": pooled,
        "DIRECT_DATABASE_URL": empty_database,
        "ENABLE_QUEUES": "false",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "token",
        "PUBLIC_URL": "http://127.0.0.1:9",
    }
    command = (sys.executable, "-m", "store.migrate")
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, "schema is up to date" in done.stdout + done.stderr) == (0, True), done


# The harness's pooler itself: it does to a careless client what PgBouncer does.


def test_the_pooler_loses_prepared_statements(own_pooler: TransactionPooler) -> None:
    with (
        psycopg.connect(own_pooler.url, autocommit=True, prepare_threshold=0) as connection,
        pytest.raises((psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement)),
    ):
        for _ in range(ROUNDS):
            connection.execute("SELECT %s::int", (1,))


def test_the_pooler_refuses_startup_options(own_pooler: TransactionPooler) -> None:
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter: options"):
        psycopg.connect(own_pooler.url, options="-c statement_timeout=1000")


def test_the_pooler_changes_the_server_connection_between_transactions(own_pooler: TransactionPooler) -> None:
    with psycopg.connect(own_pooler.url, autocommit=True, prepare_threshold=None) as connection:
        processes = {connection.execute("SELECT pg_backend_pid()").fetchone() for _ in range(ROUNDS)}
        with connection.transaction():
            in_one = {connection.execute("SELECT pg_backend_pid()").fetchone() for _ in range(ROUNDS)}

    assert (len(processes), len(in_one)) == (3, 1)


def test_the_pooler_forwards_a_request_to_cancel(own_pooler: TransactionPooler) -> None:
    with psycopg.connect(own_pooler.url, autocommit=True) as connection:
        threading.Timer(0.5, connection.cancel_safe).start()
        with pytest.raises(QueryCanceled):
            connection.execute("SELECT pg_sleep(3600)")
    assert own_pooler.canceled == 1
