"""The migration that makes carrier ids unique, on a database in which deliveries share ids."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from store import migrate as module
from store.migrate import migrate

NAME = "0007_one_text_one_delivery"
FILL = """
SET koinonia.scope = 'system';
INSERT INTO churches (church_id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Grace');
INSERT INTO messages (message_id, church_id, channel, content, segments, target_type, target, request_hash, request_id,
                      send_at, expanded_at, completed_at, settled_at)
VALUES ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'sms', 'Amen', 1, 'all', '{}',
        '', 'r', now(), now(), now(), now());
INSERT INTO deliveries (message_id, church_id, due_at, status, attempts, channel, address, carrier_id, updated_at)
SELECT '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', now(),
       listed.status::delivery_status, listed.attempts, listed.channel, listed.address, listed.carrier_id,
       now() - listed.age * interval '1 minute'
FROM (VALUES
    ('sent', 1, 'sms', 'held longest', 'SM1', 30),
    ('delivered', 1, 'sms', 'mistaken', 'SM1', 20),
    ('sent', 1, 'sms', 'mistaken too', 'SM1', 10),
    ('sent', 1, 'sms', 'mistaken for longer', 'SM2', 30),
    ('sent', 1, 'sms', 'named by the carrier', 'SM2', 20),
    ('sent', 1, 'sms', 'alone', 'SM3', 10),
    ('failed', 1, 'sms', 'without an id', NULL, 10),
    ('failed', 1, 'sms', 'without an id either', NULL, 10),
    ('unknown', 1, 'mail', 'doubted once', NULL, 10),
    ('unknown', 3, 'mail', 'doubted thrice', NULL, 10)
) AS listed (status, attempts, channel, address, carrier_id, age);
INSERT INTO receipts (delivery_id, attempt, carrier_id, status, applied_at)
SELECT delivery_id, 1, carrier_id, 'delivered', now() FROM deliveries WHERE address = 'named by the carrier';
"""


@pytest.fixture
def older_database(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A filled database before the migration, with deliveries that share carrier ids."""
    folder = tmp_path / "older"
    shutil.copytree(module.MIGRATIONS, folder)
    for file in sorted(folder.glob("*.sql")):
        if file.stem >= NAME:
            file.unlink()
    shipped = module.CHECKSUMS.read_text().splitlines()
    kept = [line for line in shipped if line.split("  ")[1] < NAME]
    (folder / module.CHECKSUMS.name).write_text("\n".join(kept) + "\n")
    with monkeypatch.context() as older:
        older.setattr(module, "MIGRATIONS", folder)
        older.setattr(module, "CHECKSUMS", folder / module.CHECKSUMS.name)
        migrate(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute(FILL.encode())
    return empty_database


def read(database_url: str) -> dict[str, tuple[str, str | None, int]]:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET koinonia.scope = 'system'")
        rows = connection.execute("SELECT address, status::text, carrier_id, repeats FROM deliveries").fetchall()
    return {address: (status, carrier_id, repeats) for address, status, carrier_id, repeats in rows}


def test_deliveries_that_hold_anothers_id_become_unknown_and_all_others_stay(older_database: str) -> None:
    migrate(older_database)

    assert read(older_database) == {
        "held longest": ("sent", "SM1", 0),
        "mistaken": ("unknown", None, 0),
        "mistaken too": ("unknown", None, 0),
        "mistaken for longer": ("unknown", None, 0),
        "named by the carrier": ("sent", "SM2", 0),
        "alone": ("sent", "SM3", 0),
        "without an id": ("failed", None, 0),
        "without an id either": ("failed", None, 0),
        "doubted once": ("unknown", None, 0),
        "doubted thrice": ("unknown", None, 2),
    }
    with psycopg.connect(older_database) as connection:
        connection.execute("SET koinonia.scope = 'system'")
        assert connection.execute("SELECT settled_at FROM messages").fetchone() == (None,)
        connection.execute("SELECT FROM deliveries")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("UPDATE deliveries SET carrier_id = 'SM3' WHERE address = 'without an id'")


def test_an_interrupted_migration_can_be_repeated(older_database: str) -> None:
    """As after a kill during CREATE INDEX CONCURRENTLY: an invalid index and some of the columns are left."""
    with psycopg.connect(older_database, autocommit=True) as connection:
        connection.execute("ALTER TABLE deliveries ADD COLUMN age_from timestamptz")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(
                "CREATE UNIQUE INDEX CONCURRENTLY deliveries_carrier_id ON deliveries (carrier_id) "
                "WHERE carrier_id IS NOT NULL"
            )

    migrate(older_database)

    with psycopg.connect(older_database) as connection:
        invalid = connection.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid").fetchall()
        assert invalid == []
    assert read(older_database)["mistaken"] == ("unknown", None, 0)
