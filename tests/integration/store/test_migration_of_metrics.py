"""The migration that begins to count: what exists is counted once, also when it is run again beside writers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from store import migrate as module
from store.migrate import migrate

NAME = "0017_metrics"
FILL = """
SET koinonia.scope = 'system';
INSERT INTO churches (church_id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Grace');
INSERT INTO deliveries (message_id, church_id, due_at, status, channel, address)
SELECT '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', now(),
       listed.status::delivery_status, listed.channel, listed.status || number
FROM (VALUES ('queued', 'sms', 3), ('delivered', 'sms', 5), ('sent', 'mail', 2)) AS listed (status, channel, count),
     generate_series(1, listed.count) AS number;
INSERT INTO refused_callbacks (day, channel, refused) VALUES ('2026-01-01', 'sms', 4), ('2026-01-02', 'sms', 3);
"""
NUMBERS = """
SELECT labels ->> 'channel', moved.status, sum(value * direction)::int
FROM (SELECT * FROM metric_changes UNION ALL SELECT * FROM metric_totals) AS counted
CROSS JOIN LATERAL (VALUES (labels ->> 'to', 1), (labels ->> 'from', -1)) AS moved (status, direction)
WHERE name = 'koinonia_delivery_changes_total' AND moved.status <> 'none'
GROUP BY 1, 2 HAVING sum(value * direction) <> 0
"""
TABLE = "SELECT channel, status::text, count(*)::int FROM deliveries GROUP BY 1, 2"
REFUSED = "SELECT sum(value)::int FROM metric_changes WHERE name = 'koinonia_callbacks_refused_total'"


@pytest.fixture
def older_database(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A filled database before the migration."""
    folder = tmp_path / "older"
    shutil.copytree(module.MIGRATIONS, folder)
    for file in folder.glob("*.sql"):
        if file.stem >= NAME:
            file.unlink()
    kept = [line for line in module.CHECKSUMS.read_text().splitlines() if line.split("  ")[1] < NAME]
    (folder / module.CHECKSUMS.name).write_text("\n".join(kept) + "\n")
    with monkeypatch.context() as older:
        older.setattr(module, "MIGRATIONS", folder)
        older.setattr(module, "CHECKSUMS", folder / module.CHECKSUMS.name)
        migrate(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute(FILL.encode())
    return empty_database


@pytest.fixture
def query(older_database: str) -> Callable[[str], set[tuple[object, ...]]]:
    def run(statement: str) -> set[tuple[object, ...]]:
        with psycopg.connect(older_database, autocommit=True) as connection:
            connection.execute("SET koinonia.scope = 'system'")
            cursor = connection.execute(statement.encode())
            return set(cursor.fetchall()) if cursor.description else set()

    return run


def test_deliveries_that_exist_are_counted_in_their_status(older_database: str, query: Callable[[str], object]) -> None:
    migrate(older_database)

    assert query(NUMBERS) == query(TABLE) == {("sms", "queued", 3), ("sms", "delivered", 5), ("mail", "sent", 2)}
    assert query(REFUSED) == {(7,)}


def test_it_can_be_run_again_after_it_was_cut_off(older_database: str, query: Callable[[str], object]) -> None:
    """Of a cut-off run everything may be done but its own record; deliveries have changed since."""
    migrate(older_database)
    query("UPDATE deliveries SET status = 'canceled' WHERE status = 'queued'")
    query("DELETE FROM deliveries WHERE status = 'sent'")
    query("DELETE FROM _yoyo_migration WHERE migration_id = '0017_metrics'")

    migrate(older_database)

    assert query(NUMBERS) == query(TABLE) == {("sms", "canceled", 3), ("sms", "delivered", 5)}
    assert query(REFUSED) == {(7,)}


def test_a_run_that_was_cut_off_before_the_count_finds_what_the_triggers_did_not_count(
    older_database: str, query: Callable[[str], object]
) -> None:
    migrate(older_database)
    query("DELETE FROM metric_changes WHERE labels ->> 'reason' = 'counted at the start'")
    query("UPDATE deliveries SET status = 'canceled' WHERE status = 'queued'")
    query("DELETE FROM _yoyo_migration WHERE migration_id = '0017_metrics'")

    migrate(older_database)

    assert query(NUMBERS) == query(TABLE)
