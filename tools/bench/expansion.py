"""Expansion: the product's own statement, compared with a bare INSERT … SELECT of the same rows in the same run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from messaging.addresses import AddressKind
from store import message_expansion
from store.database import open_database, system_scope
from tools.bench.churches import Church

RECIPIENTS = 50_000

_MESSAGE = """
INSERT INTO messages (church_id, channel, content, segments, target_type, target, request_hash, request_id, send_at)
VALUES (%(church_id)s, 'sms', 'Good morning!', 1, 'all', '{}', '\\x00', 'bench', now())
RETURNING message_id
"""
_MAKE_BARE = """
CREATE TABLE bare_deliveries (
    delivery_id uuid PRIMARY KEY DEFAULT uuidv7(),
    message_id  uuid NOT NULL,
    church_id   uuid NOT NULL,
    contact_id  uuid,
    due_at      timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    status      delivery_status NOT NULL,
    channel     text NOT NULL,
    address     text,
    UNIQUE (message_id, address)
);
CREATE INDEX ON bare_deliveries (church_id, channel, due_at, delivery_id) WHERE status = 'queued';
"""
_BARE = """
INSERT INTO bare_deliveries (message_id, church_id, contact_id, due_at, status, channel, address)
SELECT %(message_id)s, church_id, contact_id, now(), 'queued', 'sms', phone
FROM contacts
WHERE church_id = %(church_id)s
"""


@dataclass(frozen=True, kw_only=True)
class ExpansionReading:
    kind: str = "expansion"
    round: int
    recipients: int
    product_ms: float
    """The whole transaction, commit included."""
    bare_ms: float
    """The bare statement, into a table with a primary key, a unique index and a partial index; commit included."""

    def __str__(self) -> str:
        ratio = self.product_ms / self.bare_ms
        return (
            f"expanding {self.recipients:,}, round {self.round}: {self.product_ms:,.0f} ms, "
            f"bare INSERT … SELECT {self.bare_ms:,.0f} ms ({ratio:.2f} times)"
        )


def read(ledger: Connection, *, database_url: str, church: Church, number: int) -> ExpansionReading:
    """Time both statements once. `ledger` is a superuser's connection; `database_url` is for the product's role."""
    row = ledger.execute(_MESSAGE, {"church_id": church.church_id}).fetchone()
    assert row is not None  # noqa: S101
    message_id: UUID = row[0]
    with open_database(database_url, size=1, name="bench") as database:
        with system_scope(database) as connection:
            connection.execute("SELECT 1")
        began = time.perf_counter()
        with system_scope(database) as connection:
            expansions = message_expansion.expand(
                connection,
                message_ids=[message_id],
                address_kind=AddressKind.PHONE,
                keeps_quiet_hours=True,
            )
        product_seconds = time.perf_counter() - began
    ledger.execute("DROP TABLE IF EXISTS bare_deliveries")
    ledger.execute(_MAKE_BARE)
    began = time.perf_counter()
    ledger.execute(_BARE, {"message_id": message_id, "church_id": church.church_id})
    bare_seconds = time.perf_counter() - began
    ledger.execute("DROP TABLE bare_deliveries")
    return ExpansionReading(
        round=number,
        recipients=expansions[message_id].written,
        product_ms=round(1000 * product_seconds, 1),
        bare_ms=round(1000 * bare_seconds, 1),
    )
