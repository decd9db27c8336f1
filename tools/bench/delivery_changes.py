"""What counting the changes of deliveries costs: `python -m tools.bench.delivery_changes`.

The statements that a text passes through run in turns with and without the triggers of the table, on one connection to
a PostgreSQL of its own. The reading is the CPU time of that connection's server process, which other load hardly
changes.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg

from messaging.addresses import AddressKind
from messaging.retry import RetryPolicy
from messaging.states import Status
from processes import child_process
from store import claims, deliveries, message_expansion, receipts
from store.claims import ClaimTerms
from store.database import Database, open_database, system_scope
from store.deliveries import DeliveryUpdate
from store.migrate import migrate
from store.receipts import Receipt
from tools.local import ports, postgres

_TERMS = ClaimTerms(channel="sms", limit=5000, lease_seconds=120, keeps_quiet_hours=True, age_limit_seconds=86_400)
_CHURCH = """
WITH church AS (
    INSERT INTO churches (name, window_opens, window_closes) VALUES ('Bench', 0, 1440) RETURNING church_id
)
INSERT INTO senders (church_id, channel, address)
SELECT church_id, 'sms', '+15005550006' FROM church
RETURNING church_id
"""
_MESSAGE = """
INSERT INTO messages (church_id, channel, content, segments, target_type, target, request_hash, request_id, send_at)
SELECT %(church_id)s, 'sms', 'Good morning!', 1, 'numbers',
       jsonb_build_object(
           'phoneNumbers', array_agg('+1202' || (5550000 + n)), 'numberZones', array_agg(''::text),
           'numberRegions', array_agg('US'::text)
       ),
       '\\x00', 'bench', now()
FROM generate_series(1, %(recipients)s) AS n
RETURNING message_id
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=300, help="deliveries in each statement")
    parser.add_argument("--texts", type=int, default=6000, help="texts in each round")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_server(Path(folder)) as (url, superuser_url):
        database = open_database(url, size=1, name="bench")
        with psycopg.connect(superuser_url, autocommit=True) as superuser:
            readings = _measure(database, superuser, batch=options.batch, texts=options.texts, rounds=options.rounds)
        database.close()
    for name, values in readings.items():
        print(f"{name:8} {statistics.median(values):7.1f} µs a text, least {min(values):.1f}")
    pairs = zip(readings["with"], readings["without"], strict=True)
    print(f"counting {statistics.median(one - other for one, other in pairs):7.1f} µs a text (median of the pairs)")


@contextmanager
def running_server(folder: Path) -> Generator[tuple[str, str]]:
    """A migrated PostgreSQL with its files in the folder: the URLs for the product's role and for the superuser."""
    password = secrets.token_hex(8)
    server = postgres.prepare(
        folder / "postgres", port=ports.choose_port(), superuser_password=password, settings=postgres.NOT_DURABLE
    )
    process = child_process.start(server.program(output=folder / "postgres.log"))
    try:
        while not server.is_ready():
            pass
        url = server.make_application(password)
        migrate(url)
        yield url, server.superuser_url.replace("/postgres", f"/{postgres.APPLICATION}")
    finally:
        child_process.kill(process)


def _measure(
    database: Database, superuser: psycopg.Connection, *, batch: int, texts: int, rounds: int
) -> dict[str, list[float]]:
    """Returns CPU µs a text, with and without the triggers, of each round."""
    readings: dict[str, list[float]] = {"with": [], "without": []}
    order = ["with", "without"]
    for number in range(rounds + 1):
        for name in order:
            superuser.execute(
                f"ALTER TABLE deliveries {'ENABLE' if name == 'with' else 'DISABLE'} TRIGGER USER".encode()
            )
            superuser.execute("VACUUM ANALYZE deliveries, receipts, messages")
            microseconds = _round(database, batch=batch, texts=texts)
            if number:  # the first one warms up
                readings[name].append(microseconds)
        order.reverse()
    return readings


def _round(database: Database, *, batch: int, texts: int) -> float:
    with system_scope(database) as connection:
        church_id: UUID = _one(connection, _CHURCH)
        cpu_seconds = cpu_clock(connection.info.backend_pid)
    began = cpu_seconds()
    for _ in range(texts // batch):
        _pass_through(database, church_id, recipients=batch)
    return (cpu_seconds() - began) / texts * 1e6


def _pass_through(database: Database, church_id: UUID, *, recipients: int) -> None:
    """From the message to its last receipt, each step in its own transaction as in the product."""
    with system_scope(database) as connection:
        message_id: UUID = _one(connection, _MESSAGE, church_id=church_id, recipients=recipients)
        message_expansion.expand(
            connection, message_ids=[message_id], address_kind=AddressKind.PHONE, keeps_quiet_hours=True
        )
    with system_scope(database) as connection:
        envelopes = claims.claim_for_church(connection, church_id, _TERMS).envelopes
    ids = {envelope.delivery_id: f"SM{envelope.delivery_id.hex}" for envelope in envelopes}
    assert len(ids) == recipients  # noqa: S101
    with system_scope(database) as connection:
        results = [
            DeliveryUpdate(delivery_id=each, attempt=1, status=Status.SENT, carrier_id=carrier_id)
            for each, carrier_id in ids.items()
        ]
        deliveries.record(connection, results)
    for status in (Status.SENT, Status.DELIVERED):
        with system_scope(database) as connection:
            received = [
                Receipt(delivery_id=each, attempt=1, carrier_id=carrier_id, status=status, error_code=None)
                for each, carrier_id in ids.items()
            ]
            receipts.insert(connection, received)
    with system_scope(database) as connection:
        receipts.apply(connection, limit=2000, policy=RetryPolicy(), retryable_codes={"30003": 300.0})


def _one(connection: psycopg.Connection, statement: str, **parameters: object) -> UUID:
    row = connection.execute(statement.encode(), parameters).fetchone()
    assert row is not None  # noqa: S101
    return row[0]


def cpu_clock(pid: int) -> Callable[[], float]:
    """Returns a function that reads the CPU seconds of a process."""
    path = Path(f"/proc/{pid}/schedstat")
    return lambda: int(path.read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
