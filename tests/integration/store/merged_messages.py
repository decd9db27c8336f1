"""Messages with merge fields, and contacts with fields, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from messaging.merge_fields import parse
from messaging.segments import count_segments
from store import contacts, daily_limits, message_expansion, messages
from store.contacts import Person
from store.database import system_scope
from store.merge_fields import to_store
from store.message_expansion import Expansion
from store.messages import Message, NewMessage
from tests.integration.store.ledger import Ledger


def add_person(ledger: Ledger, church_id: UUID, name: str, phone: str, **fields: str) -> UUID:
    with system_scope(ledger.database) as connection:
        [added] = contacts.add(connection, church_id=church_id, people=[Person(name=name, phone=phone)])
        connection.execute("UPDATE contacts SET fields = %s WHERE contact_id = %s", [Jsonb(fields), added.contact_id])
    return added.contact_id


def compose_merged(
    ledger: Ledger,
    church_id: UUID,
    content: str,
    *,
    target: Mapping[str, Sequence[str]] | None = None,
    daily_limit: int | None = None,
    longest: int = 1600,
) -> Message:
    """Inserts a text with merge fields to all contacts, or to `target`; with a daily limit, a reservation too."""
    text = parse(content)
    segments = count_segments(text.merge(None))
    kind = next(iter(target), "all") if target else "all"
    with system_scope(ledger.database) as connection:
        need = daily_limit and daily_limits.measure(
            connection,
            church_id=church_id,
            target_type="all",
            target={},
            segments_each=segments,
            default_limit=daily_limit,
        )
        new = NewMessage(
            church_id=church_id,
            channel="sms",
            content=content,
            segments=segments,
            merge_fields=to_store(
                {"content": text}, longest={"content": longest}, needs_text=True, counts_segments=True
            ),
            target_type={"contactIds": "contacts", "phoneNumbers": "numbers"}.get(kind, "all"),
            target={name: list(values) for name, values in (target or {}).items()},
            idempotency_key=None,
            request_hash=b"hash",
            request_id="r-1",
            send_at=None,
            need=need or None,
        )
        return messages.insert(connection, new)[0]


def send_merged(
    ledger: Ledger,
    church_id: UUID,
    content: str,
    *,
    target: Mapping[str, Sequence[str]] | None = None,
    longest: int = 1600,
) -> Message:
    """Inserts and expands a text with merge fields: its deliveries are due."""
    message = compose_merged(ledger, church_id, content, target=target, longest=longest)
    ledger.expand(church_id, message)
    return message


def expand_within_limit(ledger: Ledger, message: Message, *, daily_limit: int) -> Expansion:
    with system_scope(ledger.database) as connection:
        return message_expansion.expand(
            connection,
            message_ids=[message.message_id],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
            segment_weight=1,
            default_limit=daily_limit,
        )[message.message_id]
