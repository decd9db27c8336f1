"""Reads pg_stat_statements: what the product's statements cost the server."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import Connection

from tools.bench.history_reading import StatementReading

SETTINGS = {"shared_preload_libraries": "pg_stat_statements"}

NAMES: Mapping[str, str] = {
    "expand": "%INSERT INTO deliveries%recipients%",
    "claim": "%charged_senders%",
    "record results": "%current_results%",
    "store receipts": "INSERT INTO receipts (delivery_id, attempt, carrier_id, status, error_code%",
    "apply receipts": "%locked_messages AS MATERIALIZED%",
    "count a message": "%) AS counted%GROUP BY status%",
    "page of deliveries": "%AS waits_until%",
    "page of messages": "%ORDER BY message_id DESC%",
    "mark for pruning": "%compared AS MATERIALIZED%",
    "delete deliveries": "%DELETE FROM deliveries%USING slice%",
    "delete receipts": "%DELETE FROM receipts%",
}
"""A part of the text of each statement that no other has."""

_READ = """
SELECT sum(calls)::bigint, sum(rows)::bigint, sum(total_exec_time)
FROM pg_stat_statements
WHERE query LIKE %(pattern)s AND query NOT LIKE '%%pg_stat_statements%%' AND toplevel
"""


def reset(ledger: Connection) -> None:
    """Forget what was counted so far. Creates the extension at the first call."""
    ledger.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    ledger.execute("SELECT pg_stat_statements_reset()")


def read(ledger: Connection, *, deliveries: int, meanwhile: str) -> list[StatementReading]:
    """Return a reading for each statement that was called since the reset."""
    readings: list[StatementReading] = []
    for name, pattern in NAMES.items():
        row = ledger.execute(_READ, {"pattern": pattern}).fetchone()
        if row and row[0]:
            readings.append(
                StatementReading(
                    deliveries=deliveries,
                    meanwhile=meanwhile,
                    name=name,
                    calls=row[0],
                    rows=row[1],
                    total_ms=round(row[2], 3),
                )
            )
    return readings
