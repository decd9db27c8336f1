"""Row security: a church sees and writes only its own rows, even if a query has no condition."""

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
    "audit_events": (
        "INSERT INTO audit_events (church_id, actor_kind, actor, action, subject) "
        "VALUES (%(church_id)s, 'command', 'test', 'church.suspended', %(unique)s)"
    ),
    "contact_fields": "INSERT INTO contact_fields (church_id, name) VALUES (%(church_id)s, 'campus')",
    "groups": "INSERT INTO groups (church_id, name) VALUES (%(church_id)s, %(unique)s)",
    "group_members": (
        "INSERT INTO group_members (church_id, group_id, contact_id) VALUES (%(church_id)s, "
        "coalesce((SELECT max(group_id::text)::uuid FROM groups), uuidv7()), "
        "coalesce((SELECT max(contact_id::text)::uuid FROM contacts), uuidv7()))"
    ),
    "sender_opt_outs": (
        "INSERT INTO sender_opt_outs (church_id, address, sender, source) "
        "VALUES (%(church_id)s, %(unique)s, '+15005550006', 'carrier')"
    ),
    "imports": (
        "INSERT INTO imports (church_id, file_name, format, file_rows, parts, skipped_rows, columns) "
        "VALUES (%(church_id)s, 'members.csv', 'csv', 1, 1, 0, '[]')"
    ),
    "import_parts": (
        "INSERT INTO import_parts (import_id, part, church_id, content) "
        "SELECT max(import_id::text)::uuid, 0, %(church_id)s, '' FROM imports"
    ),
    "import_rows": (
        "INSERT INTO import_rows (import_id, row_number, church_id, line, outcome) "
        "SELECT max(import_id::text)::uuid, 0, %(church_id)s, 1, 'refused' FROM imports"
    ),
    "inbound_messages": (
        "INSERT INTO inbound_messages (church_id, channel, carrier_id, from_address, to_address, content) "
        "VALUES (%(church_id)s, 'sms', %(unique)s, '+12025550123', '+15005550006', 'Thank you')"
    ),
    "conversations": (
        "INSERT INTO conversations (church_id, address, last_message_id) VALUES (%(church_id)s, %(unique)s, uuidv7())"
    ),
    "links": (
        "INSERT INTO links (code, church_id, message_id, position, short_url, url, expires_at) "
        "VALUES (translate(left(gen_random_uuid()::text, 12), '01-', 'xyz'), %(church_id)s, uuidv7(), 1, "
        "'https://s.example/l/x', 'https://a.example', now())"
    ),
    "schedule_runs": (
        "INSERT INTO schedule_runs (schedule_id, run_at, church_id, outcome) "
        "SELECT max(schedule_id::text)::uuid, clock_timestamp(), %(church_id)s, 'missed' FROM schedules"
    ),
    "templates": (
        "INSERT INTO templates (church_id, name, content) VALUES (%(church_id)s, %(unique)s, 'Hi {{firstName}}')"
    ),
    "daily_totals": (
        "INSERT INTO daily_totals (church_id, day, channel, status, deliveries, segments) "
        "VALUES (%(church_id)s, now(), %(unique)s, 'sent', 1, 1)"
    ),
    "message_totals": (
        "INSERT INTO message_totals (message_id, church_id, channel, send_at, status, reason, deliveries, segments) "
        "VALUES (uuidv7(), %(church_id)s, 'sms', now(), 'sent', '', 1, 1)"
    ),
    "monthly_segments": (
        "INSERT INTO monthly_segments (church_id, month, segments) VALUES (%(church_id)s, '2026-11-01', 1)"
    ),
    "segment_prices": (
        "INSERT INTO segment_prices (church_id, channel, valid_from, per_segment, currency) "
        "VALUES (%(church_id)s, %(unique)s, '2026-11-01', 0.0079, 'USD')"
    ),
    "daily_segments": "INSERT INTO daily_segments (church_id, day, segments) VALUES (%(church_id)s, now(), 1)",
}
"""Inserts one row of a church into each table with rows of churches."""
APPEND_ONLY = {"audit_events", "consent_events"}
"""Tables whose rows cannot be changed or deleted."""
RECEIPT = "INSERT INTO receipts (delivery_id, attempt, carrier_id, status) VALUES (uuidv7(), 1, %(unique)s, 'sent')"

every_table = pytest.mark.parametrize("table", ROWS)
every_changing_table = pytest.mark.parametrize("table", sorted(ROWS.keys() - APPEND_ONLY))


def write(connection: psycopg.Connection, statement: str, church_id: UUID | None = None) -> None:
    connection.execute(statement.encode(), {"church_id": church_id, "unique": str(uuid4())})


def owners(connection: psycopg.Connection, table: str) -> set[UUID]:
    return {row[0] for row in connection.execute(sql.SQL("SELECT church_id FROM {}").format(sql.Identifier(table)))}


@pytest.fixture
def mine(ledger: Ledger) -> UUID:
    return _church_with_rows(ledger)


@pytest.fixture
def theirs(ledger: Ledger) -> UUID:
    return _church_with_rows(ledger)


def _church_with_rows(ledger: Ledger) -> UUID:
    """A church with a row in every table."""
    church_id = uuid4()
    with system_scope(ledger.database) as connection:
        for statement in ROWS.values():
            write(connection, statement, church_id)
    return church_id


def test_the_products_role_cannot_bypass_row_security(ledger: Ledger) -> None:
    assert ledger.query("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user") == [(False, False)]


def test_every_table_has_forced_row_security_and_a_policy(ledger: Ledger) -> None:
    """Except yoyo's own tables, which have no rows of churches."""
    tables = ledger.query(
        "SELECT relname, relrowsecurity AND relforcerowsecurity, "
        "       EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) "
        "FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'v', 'f') AND relnamespace = 'public'::regnamespace "
        "AND relname !~ '^_?yoyo'"
    )

    assert {name for name, is_forced, has_policy in tables if not (is_forced and has_policy)} == set()
    assert {name for name, _, _ in tables} == ROWS.keys() | {
        "metric_changes",
        "metric_totals",
        "operator_sessions",
        "operators",
        "incidents",
        "alert_silences",
        "watcher_lease",
        "watchers",
        "alert_samples",
        "receipts",
        "recount_requests",
        "refused_callbacks",
    }


@every_table
def test_a_church_sees_only_its_own_rows(table: str, ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    with church_scope(ledger.database, mine) as connection:
        assert owners(connection, table) == {mine}
    with system_scope(ledger.database) as connection:
        assert owners(connection, table) == {mine, theirs}


@every_table
def test_without_a_scope_no_row_is_visible(table: str, ledger: Ledger, mine: UUID) -> None:
    with ledger.database.connection() as connection:
        assert owners(connection, table) == set()


@every_table
def test_without_a_scope_no_row_can_be_inserted(table: str, ledger: Ledger) -> None:
    with ledger.database.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        write(connection, ROWS[table], uuid4())


@every_table
def test_a_church_cannot_insert_a_row_of_another(table: str, ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        church_scope(ledger.database, mine) as connection,
    ):
        write(connection, ROWS[table], theirs)


@every_changing_table
def test_a_church_cannot_move_its_row_to_another(table: str, ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    give = sql.SQL("UPDATE {} SET church_id = %s").format(sql.Identifier(table))
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        church_scope(ledger.database, mine) as connection,
    ):
        connection.execute(give, (theirs,))


@every_table
def test_a_church_cannot_update_or_delete_a_row_of_another(
    table: str, ledger: Ledger, mine: UUID, theirs: UUID
) -> None:
    name = sql.Identifier(table)
    with church_scope(ledger.database, mine) as connection:
        touch = sql.SQL("UPDATE {} SET church_id = church_id WHERE church_id = %s").format(name)
        remove = sql.SQL("DELETE FROM {} WHERE church_id = %s").format(name)
        assert connection.execute(touch, (theirs,)).rowcount == 0
        assert connection.execute(remove, (theirs,)).rowcount == 0


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_a_history_can_only_be_inserted_into_even_by_the_system(table: str, ledger: Ledger, mine: UUID) -> None:
    name = sql.Identifier(table)
    for scope in (system_scope(ledger.database), church_scope(ledger.database, mine)):
        with scope as connection:
            assert connection.execute(sql.SQL("UPDATE {} SET church_id = church_id").format(name)).rowcount == 0
            assert connection.execute(sql.SQL("DELETE FROM {}").format(name)).rowcount == 0
            assert owners(connection, table) == {mine}


def test_only_the_system_can_read_and_write_receipts(ledger: Ledger, mine: UUID) -> None:
    with system_scope(ledger.database) as connection:
        write(connection, RECEIPT)

    with church_scope(ledger.database, mine) as connection:
        assert connection.execute("SELECT count(*) FROM receipts").fetchone() == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), church_scope(ledger.database, mine) as connection:
        write(connection, RECEIPT)


@pytest.mark.parametrize("fails", [False, True])
def test_every_scope_ends_with_its_transaction(fails: bool, database_url: str, ledger: Ledger, mine: UUID) -> None:
    single = open_database(database_url, size=1, name="one connection")
    try:
        _enter_scopes(single, mine, fails=fails)
        with single.connection() as connection:
            assert owners(connection, "contacts") == set()
        with church_scope(single, uuid4()) as connection:
            assert owners(connection, "contacts") == set()
    finally:
        single.close()


def _enter_scopes(database: Database, church_id: UUID, *, fails: bool) -> None:
    for scope in (system_scope(database), church_scope(database, church_id)):
        try:
            with scope as connection:
                assert owners(connection, "contacts") == {church_id}
                if fails:
                    connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            continue


def test_looking_up_a_key_does_not_widen_the_scope(ledger: Ledger, mine: UUID, theirs: UUID) -> None:
    lookup = "SELECT church_id FROM find_key(%(secret_hash)s)"
    [(their_hash,)] = ledger.query("SELECT secret_hash FROM api_keys WHERE church_id = %(church_id)s", church_id=theirs)

    with church_scope(ledger.database, mine) as connection:
        assert connection.execute(lookup, {"secret_hash": their_hash}).fetchone() == (theirs,)
        assert owners(connection, "api_keys") == {mine}
    assert fetch_unscoped(ledger.database, lookup, {"secret_hash": their_hash}) == [(theirs,)]
    assert fetch_unscoped(ledger.database, "SELECT count(*) FROM api_keys", {}) == [(0,)]
