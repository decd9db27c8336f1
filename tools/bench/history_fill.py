"""Fills the tables with finished deliveries of two years, by SQL: data first, then indexes, then vacuum.

PostgreSQL runs without durability and with the least WAL meanwhile. What it holds afterwards is what the product would
have written, except that no row was updated before it became final: history_week.py makes the product's updates too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from psycopg import Connection, sql

from tools.bench.machine import POSTGRES, POSTGRES_SETTINGS, Machine
from tools.local.postgres import NOT_DURABLE

CHURCHES = 1_500
PER_MESSAGE = 100
DAYS = 730
RECEIPT_DAYS = 60
"""Older receipts are dropped by the product (RECEIPTS_KEPT_DAYS)."""

_CHUNK_MESSAGES = 10_000
_LOAD_SETTINGS = {
    **POSTGRES_SETTINGS,
    **NOT_DURABLE,
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "maintenance_work_mem": "1GB",
    "max_parallel_maintenance_workers": "1",
}
_FILLED = ("deliveries", "receipts")

_CHURCHES = """
WITH made AS (
    INSERT INTO churches (name) SELECT 'Past ' || number FROM generate_series(1, %(churches)s) AS number
    RETURNING church_id
)
INSERT INTO past_churches SELECT church_id, row_number() OVER () - 1 FROM made
"""
_MESSAGES = """
INSERT INTO messages (
    message_id, church_id, channel, content, segments, target_type, target, request_hash, request_id,
    send_at, created_at, expanded_at, completed_at, settled_at
)
SELECT uuidv7(past.ago), past_churches.church_id, 'sms', 'Service moves to 10:30 this Sunday. See you there!', 1, 'all',
       '{}', '\\x00', 'bench', now() + past.ago, now() + past.ago, now() + past.ago,
       now() + past.ago + interval '1 minute', now() + past.ago + interval '1 hour'
FROM generate_series(0, %(messages)s::bigint - 1) AS number
CROSS JOIN LATERAL (
    SELECT ((number + 1) * %(apart)s - %(span)s) * interval '1 second' AS ago
) AS past
JOIN past_churches ON past_churches.place = number %% %(churches)s
"""
# Of a hundred, five are suppressed, two have failed, and the others were delivered. Carrier ids are in no order.
_DELIVERIES = """
INSERT INTO deliveries (
    delivery_id, message_id, church_id, contact_id, channel, address, status, reason, due_at, updated_at, attempts,
    carrier_id, time_zones
)
SELECT uuidv7(chunk.send_at - now()), chunk.message_id, chunk.church_id,
       ('00000000-0000-7000-8000-' || lpad(to_hex(chunk.place * 1000 + number), 12, '0'))::uuid, 'sms',
       '+1' || (4000000000 + chunk.place * 1000 + number),
       CASE WHEN number > 95 THEN 'suppressed' WHEN number > 93 THEN 'failed' ELSE 'delivered' END::delivery_status,
       CASE WHEN number > 95 THEN 'opted out' END,
       chunk.send_at, chunk.send_at, CASE WHEN number > 95 THEN 0 ELSE 1 END,
       CASE WHEN number <= 95 THEN 'SM' || md5(chunk.message_id::text || number) END, 'America/New_York'
FROM (
    SELECT messages.message_id, messages.church_id, messages.send_at, past_churches.place
    FROM messages
    JOIN past_churches USING (church_id)
    WHERE messages.message_id > %(after)s
    ORDER BY messages.message_id
    LIMIT %(chunk)s
) AS chunk
CROSS JOIN generate_series(1, %(each)s) AS number
ORDER BY chunk.message_id
"""
_RECEIPTS = """
INSERT INTO receipts (delivery_id, attempt, carrier_id, status, received_at, applied_at)
SELECT deliveries.delivery_id, 1, deliveries.carrier_id, reported.status::delivery_status, deliveries.updated_at,
       deliveries.updated_at
FROM deliveries
CROSS JOIN (VALUES ('sent'), ('delivered')) AS reported (status)
WHERE deliveries.status = 'delivered' AND deliveries.updated_at > now() - %(days)s * interval '1 day'
"""
_LAST_OF_CHUNK = """
SELECT message_id FROM messages WHERE message_id > %(after)s ORDER BY message_id OFFSET %(chunk)s - 1 LIMIT 1
"""
_INDEXES = """
SELECT pg_index.indexrelid::regclass::text, pg_index.indrelid::regclass::text, pg_get_indexdef(pg_index.indexrelid),
       pg_constraint.conname, pg_constraint.contype
FROM pg_index
LEFT JOIN pg_constraint ON pg_constraint.conindid = pg_index.indexrelid AND pg_constraint.contype IN ('p', 'u')
WHERE pg_index.indrelid = ANY (%(tables)s::regclass[])
ORDER BY pg_index.indexrelid
"""
# As many of each status as _DELIVERIES writes.
_TOTALS = """
INSERT INTO message_totals (message_id, church_id, channel, send_at, status, reason, deliveries, segments)
SELECT messages.message_id, messages.church_id, messages.channel, messages.send_at, counted.status::delivery_status,
       counted.reason, counted.deliveries, counted.deliveries
FROM messages
JOIN past_churches USING (church_id)
CROSS JOIN (
    VALUES ('delivered', '', 93), ('failed', '', 2), ('suppressed', 'opted out', 5)
) AS counted (status, reason, deliveries)
"""
_FINAL = """
UPDATE messages
SET total_due_at = NULL, totaled_at = settled_at
FROM past_churches
WHERE messages.church_id = past_churches.church_id
"""
_NO_ID = "00000000-0000-0000-0000-000000000000"


@contextmanager
def restarted(machine: Machine, settings: Mapping[str, str]) -> Generator[None]:
    """Run PostgreSQL with these settings in the block, and with its former ones afterwards."""
    _restart(machine, settings)
    yield
    _restart(machine, machine.postgres.settings)


def _restart(machine: Machine, settings: Mapping[str, str]) -> None:
    machine.programs.stop(POSTGRES)
    server = replace(machine.postgres, settings=settings)
    machine.programs.start(server.program(output=machine.folder / "postgres.log"))
    machine.wait_until(server.is_ready, what="PostgreSQL is ready again", seconds=600)


def fill(machine: Machine, deliveries: int, *, report: Callable[[str], None]) -> None:
    """Add finished deliveries of DAYS days to empty tables, then vacuum and analyze."""
    messages = deliveries // PER_MESSAGE
    with restarted(machine, _LOAD_SETTINGS), machine.open_ledger() as ledger:
        ledger.execute("CREATE TABLE IF NOT EXISTS past_churches (church_id uuid PRIMARY KEY, place bigint)")
        ledger.execute(_CHURCHES, {"churches": CHURCHES})
        report(f"{messages:,} messages")
        span = DAYS * 86_400.0
        ledger.execute(
            _MESSAGES, {"messages": messages, "churches": CHURCHES, "span": span, "apart": span / (messages + 1)}
        )
        ledger.execute("ANALYZE messages, past_churches")
        _load(ledger, messages, report=report)
        write_totals(ledger)
        report("vacuum")
        ledger.execute("VACUUM (FREEZE, ANALYZE) messages, message_totals, deliveries, receipts")


def write_totals(ledger: Connection) -> None:
    """Write the totals of all past messages, which the product would have counted."""
    ledger.execute(_TOTALS)
    ledger.execute(_FINAL)


def _load(ledger: Connection, messages: int, *, report: Callable[[str], None]) -> None:
    """One transaction that empties the tables first: PostgreSQL then writes no WAL for the rows."""
    began = time.monotonic()
    indexes = ledger.execute(_INDEXES, {"tables": list(_FILLED)}).fetchall()
    with ledger.transaction():
        ledger.execute("TRUNCATE deliveries, receipts")
        for index, table, _, constraint, _ in indexes:
            if constraint:
                ledger.execute(
                    sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                        sql.Identifier(table), sql.Identifier(constraint)
                    )
                )
            else:
                ledger.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
        after = _NO_ID
        for done in range(0, messages, _CHUNK_MESSAGES):
            names = {"after": after, "chunk": _CHUNK_MESSAGES, "each": PER_MESSAGE}
            ledger.execute(_DELIVERIES, names)
            row = ledger.execute(_LAST_OF_CHUNK, names).fetchone()
            after = row[0] if row else after
            rows = min(messages, done + _CHUNK_MESSAGES) * PER_MESSAGE
            report(f"{rows:,} deliveries after {time.monotonic() - began:,.0f} s")
        report("receipts")
        ledger.execute(_RECEIPTS, {"days": RECEIPT_DAYS})
        for index, table, definition, constraint, kind in indexes:
            report(f"index {index} after {time.monotonic() - began:,.0f} s")
            ledger.execute(definition.encode())
            if constraint:
                kind_words = sql.SQL("PRIMARY KEY" if kind == "p" else "UNIQUE")
                ledger.execute(
                    sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {} USING INDEX {}").format(
                        sql.Identifier(table), sql.Identifier(constraint), kind_words, sql.Identifier(index)
                    )
                )
