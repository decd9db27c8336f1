"""A church sees and writes its own rows only, whatever a query forgets to say."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from store.database import Database, church_scope, fetch_unscoped, open_database, system_scope
from tests.integration.store.ledger import Ledger

ROWS = {
    "churches": "INSERT INTO churches (church_id, name) VALUES (%(church_id)s, 'A church')",
    "api_keys": (
        "INSERT INTO api_keys (church_id, label, secret_hash, scopes) "
        "VALUES (%(church_id)s, 'key', sha256(%(unique)s::text::bytea), '{}')"
    ),
    "senders": "INSERT INTO senders (church_id, channel, address) VALUES (%(church_id)s, %(unique)s, '+15005550006')",
    "contacts": "INSERT INTO contacts (church_id, name) VALUES (%(church_id)s, 'Ann')",
    "opt_outs": "INSERT INTO opt_outs (church_id, address, source) VALUES (%(church_id)s, %(unique)s, 'test')",
    "messages": (
        "INSERT INTO messages (church_id, channel, content, segments, target_type, target, request_hash, request_id, "
        "send_at) VALUES (%(church_id)s, 'sms', 'Amen', 1, 'all', '{}', '', 'r', now())"
    ),
    "deliveries": (
        "INSERT INTO deliveries (message_id, church_id, due_at, status, channel, address) "
        "VALUES (uuidv7(), %(church_id)s, now(), 'queued', 'sms', '+12025550123')"
    ),
    "schedules": (
        "INSERT INTO schedules (church_id, channel, content, segments, target_type, target, rule_kind, rule, "
        "time_zone, starts_at, missed_policy, missed_within_seconds, request_hash) "
        "VALUES (%(church_id)s, 'sms', 'Amen', 1, 'all', '{}', 'cron', '0 9 * * *', 'UTC', now(), 'skip', 60, '')"
    ),
    "consent_events": (
        "INSERT INTO consent_events (church_id, address, event, source) "
        "VALUES (%(church_id)s, %(unique)s, 'opt_out', 'test')"
    ),
    "schedule_runs": (
        "INSERT INTO schedule_runs (schedule_id, run_at, church_id, outcome) "
        "SELECT max(schedule_id::text)::uuid, clock_timestamp(), %(church_id)s, 'missed' FROM schedules"
    ),
    "daily_totals": (
        "INSERT INTO daily_totals (church_id, day, channel, status, deliveries, segments) "
        "VALUES (%(church_id)s, now(), %(unique)s, 'sent', 1, 1)"
    ),
    "daily_segments": "INSERT INTO daily_segments (church_id, day, segments) VALUES (%(church_id)s, now(), 1)",
}
"""One row of a church in every table that belongs to churches."""
APPEND_ONLY = {"consent_events"}
"""Tables whose rows nobody changes or removes."""
RECEIPT = "INSERT INTO receipts (delivery_id, attempt, carrier_id, status) VALUES (uuidv7(), 1, %(unique)s, 'sent')"

every_table = pytest.mark.parametrize("table", ROWS)
every_changing_table = pytest.mark.parametrize("table", sorted(ROWS.keys() - APPEND_ONLY))


def write(connection: psycopg.Connection, statement: str, church_id: UUID | None = None) -> None:
    connection.execute(statement.encode(), {"church_id": church_id, "unique": str(uuid4())})


def owners(connection: psycopg.Connection, table: str) -> set[UUID]:
    return {row[0] for row in connection.execute(sql.SQL("SELECT church_id FROM {}").format(sql.Identifier(table)))}


@pytest.fixture
def mine(ledger: Ledger) -> UUID:
    return _furnished(ledger)


@pytest.fixture
def theirs(ledger: Ledger) -> UUID:
    return _furnished(ledger)


def _furnished(ledger: Ledger) -> UUID:
    """A church with a row in every table."""
    church_id = uuid4()
    with system_scope(ledger.database) as connection:
        for statement in ROWS.values():
            write(connection, statement, church_id)
    return church_id


def test_the_role_of_the_product_is_bound_by_row_security(ledger: Ledger) -> None:
    assert ledger.query("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user") == [(False, False)]


def test_every_table_has_its_wall(ledger: Ledger) -> None:
    """For its owner too, and with a policy; the tables of the migrations' bookkeeping hold nobody's rows."""
    tables = ledger.query(
        "SELECT relname, relrowsecurity AND relforcerowsecurity, "
        "       EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) "
        "FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'v', 'f') AND relnamespace = 'public'::regnamespace "
        "AND relname !~ '^_?yoyo'"
    )

    assert {name for name, walled, ruled in tables if not (walled and ruled)} == set()
    assert {name for name, _, _ in tables} == ROWS.keys() | {"receipts", "refused_callbacks", "operator_sessions"}


@every_table
def test_a_church_sees_its_own_rows_only(table: str, ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    with church_scope(ledger.database, mine) as connection:
        assert owners(connection, table) == {mine}
    with system_scope(ledger.database) as connection:
        assert owners(connection, table) == {mine, theirs}


@every_table
def test_without_a_scope_nothing_is_seen(table: str, ledger: Ledger, mine: UUID) -> None:
    with ledger.database.connection() as connection:
        assert owners(connection, table) == set()


@every_table
def test_without_a_scope_nothing_is_written(table: str, ledger: Ledger) -> None:
    with ledger.database.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        write(connection, ROWS[table], uuid4())


@every_table
def test_a_church_cannot_write_a_row_of_another(table: str, ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        church_scope(ledger.database, mine) as connection,
    ):
        write(connection, ROWS[table], theirs)


@every_changing_table
def test_a_church_cannot_give_its_row_away(table: str, ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    give = sql.SQL("UPDATE {} SET church_id = %s").format(sql.Identifier(table))
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        church_scope(ledger.database, mine) as connection,
    ):
        connection.execute(give, (theirs,))


@every_table
def test_a_church_changes_and_deletes_no_row_of_another(table: str, ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    name = sql.Identifier(table)
    with church_scope(ledger.database, mine) as connection:
        touch = sql.SQL("UPDATE {} SET church_id = church_id WHERE church_id = %s").format(name)
        remove = sql.SQL("DELETE FROM {} WHERE church_id = %s").format(name)
        assert connection.execute(touch, (theirs,)).rowcount == 0
        assert connection.execute(remove, (theirs,)).rowcount == 0


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_a_history_is_only_added_to_also_by_the_system(table: str, ledger: Ledger, mine: UUID) -> None:
    name = sql.Identifier(table)
    for scope in (system_scope(ledger.database), church_scope(ledger.database, mine)):
        with scope as connection:
            assert connection.execute(sql.SQL("UPDATE {} SET church_id = church_id").format(name)).rowcount == 0
            assert connection.execute(sql.SQL("DELETE FROM {}").format(name)).rowcount == 0
            assert owners(connection, table) == {mine}


def test_receipts_are_the_systems_alone(ledger: Ledger, mine: UUID) -> None:
    with system_scope(ledger.database) as connection:
        write(connection, RECEIPT)

    with church_scope(ledger.database, mine) as connection:
        assert connection.execute("SELECT count(*) FROM receipts").fetchone() == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), church_scope(ledger.database, mine) as connection:
        write(connection, RECEIPT)


@pytest.mark.parametrize("fails", [False, True])
def test_a_scope_ends_with_its_transaction(fails: bool, database_url: str, ledger: Ledger, mine: UUID) -> None:
    only = open_database(database_url, size=1, name="one connection")
    try:
        _enter_scopes(only, mine, fails=fails)
        with only.connection() as connection:
            assert owners(connection, "contacts") == set()
        with church_scope(only, uuid4()) as connection:
            assert owners(connection, "contacts") == set()
    finally:
        only.close()


def _enter_scopes(database: Database, church_id: UUID, *, fails: bool) -> None:
    for scope in (system_scope(database), church_scope(database, church_id)):
        try:
            with scope as connection:
                assert owners(connection, "contacts") == {church_id}
                if fails:
                    connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            continue


def test_looking_up_a_key_leaves_the_walls_as_they_were(ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    lookup = "SELECT church_id FROM find_key(%(secret_hash)s)"
    [(their_hash,)] = ledger.query("SELECT secret_hash FROM api_keys WHERE church_id = %(church_id)s", church_id=theirs)

    with church_scope(ledger.database, mine) as connection:
        assert connection.execute(lookup, {"secret_hash": their_hash}).fetchone() == (theirs,)
        assert owners(connection, "api_keys") == {mine}
    assert fetch_unscoped(ledger.database, lookup, {"secret_hash": their_hash}) == [(theirs,)]
    assert fetch_unscoped(ledger.database, "SELECT count(*) FROM api_keys", {}) == [(0,)]
