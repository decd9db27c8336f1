"""Texts to one person outside the broadcasts: a church's reply, or the confirmation of what the person asked for.

A direct text is a message with one delivery, written at once, so that it waits for no expansion. It is claimed before
everything else that its church has queued, and belongs to the conversation with its recipient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection

from messaging.addresses import locate_stored_phone
from messaging.number_regions import NEVER_TEXTED
from messaging.states import SuppressionReason
from store import church_limits, daily_limits, messages, paced_senders, sql
from store.audit import Actor
from store.daily_limits import Need
from store.messages import Message, NewMessage

_SQL = sql.load("direct_texts")

DirectTextKind = Literal["reply", "confirmation"]

_NO_LIMIT = 2**62
_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDirectText:
    """A text to one phone number."""

    church_id: UUID
    channel: str
    kind: DirectTextKind
    """A `confirmation` is sent to a person who opted out, and beyond the church's limits, of which it is counted."""
    address: str
    """E.164."""
    content: str
    segments: int
    idempotency_key: str | None
    """One text is written for each key of the church. Keys of API requests have no spaces; those of others have one."""
    request_id: str
    contact_id: UUID | None = None
    request_hash: bytes = b""
    """To compare a repeated request with the first one."""
    urgent_reason: str | None = None
    """Why it may be sent in quiet hours too."""
    accepted_by: Actor | None = None
    """Who sent it, for the audit. None: what it answers is recorded elsewhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextingRules:
    """What the settings and the channel say about a text."""

    segment_weight: int
    """How much a segment counts against the church's limits."""
    keeps_quiet_hours: bool
    default_limit: int
    """Segments per day of a church without a limit of its own."""
    default_regions: tuple[str, ...]
    """The regions that a church without regions of its own may text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectText:
    """The stored text."""

    message: Message
    is_new: bool
    """False: it was written before, with the same key."""
    has_pace: bool
    """Whether its church's sender has a pace: then the job for all paced senders submits it."""
    conversation_id: UUID | None
    """None: the message with this key is no direct text."""
    suppression: SuppressionReason | None = None
    """Why it will not be sent."""


def lock_person(connection: Connection[Any], *, address: str) -> None:
    """Wait until no other transaction receives a message of this person, or writes a direct text to them."""
    connection.execute(_SQL["lock_person"], {"address": address})


def insert(connection: Connection[Any], new: NewDirectText, *, rules: TextingRules) -> DirectText:
    """Write the text in the caller's transaction, due now or when the recipient's texting hours begin.

    A number of a region that the church may not text is written as suppressed, also for a confirmation: otherwise
    anyone could make the service text expensive numbers. Raises ChurchSuspended, NoSender and, for a reply,
    LimitReached; then roll back.
    """
    lock_person(connection, address=new.address)
    location = locate_stored_phone(new.address)
    suppression = _suppression(connection, new, region=location.region, rules=rules)
    message, is_new = messages.insert(connection, _message(new, need=_need(connection, new, rules, suppression)))
    names = {
        "church_id": new.church_id,
        "message_id": message.message_id,
        "kind": new.kind,
        "contact_id": new.contact_id,
        "address": new.address,
        "number_zones": location.zones,
        "keeps_quiet_hours": rules.keeps_quiet_hours,
        "suppression": None if suppression is None else suppression.value,
    }
    written = connection.execute(_SQL["write_delivery"] if is_new else _SQL["get_conversation_id"], names).fetchone()
    paced = paced_senders.set_next_claims_of(connection, [new.church_id], channel=new.channel)
    return DirectText(
        message=message,
        is_new=is_new,
        has_pace=bool(paced),
        conversation_id=written[0] if written else None,
        suppression=suppression,
    )


def move_due_first(connection: Connection[Any]) -> int:
    """Move direct texts that became due later, such as after quiet hours, before the broadcasts of their churches.

    Returns how many, up to 1,000 at once.
    """
    return connection.execute(_SQL["move_due_first"], {"row_limit": _AT_ONCE}).rowcount


def _suppression(
    connection: Connection[Any], new: NewDirectText, *, region: str, rules: TextingRules
) -> SuppressionReason | None:
    if region == NEVER_TEXTED:
        return SuppressionReason.NEVER_TEXTED
    allowed = church_limits.regions(connection, church_id=new.church_id, default_regions=rules.default_regions)
    return None if region in allowed else SuppressionReason.REGION_NOT_ALLOWED


def _need(
    connection: Connection[Any], new: NewDirectText, rules: TextingRules, suppression: SuppressionReason | None
) -> Need | None:
    if suppression is not None:
        return None
    need = daily_limits.measure(
        connection,
        church_id=new.church_id,
        target_type="numbers",
        target={"phoneNumbers": [new.address]},
        segments_each=new.segments * rules.segment_weight,
        default_limit=rules.default_limit,
    )
    if need is None or new.kind != "confirmation":
        return need
    return replace(need, daily_limit=_NO_LIMIT, monthly_quota=None)


def _message(new: NewDirectText, *, need: Need | None) -> NewMessage:
    return NewMessage(
        church_id=new.church_id,
        channel=new.channel,
        content=new.content,
        segments=new.segments,
        target_type="numbers",
        target={"phoneNumbers": [new.address]},
        idempotency_key=new.idempotency_key,
        request_hash=new.request_hash,
        request_id=new.request_id,
        send_at=None,
        urgent_reason=new.urgent_reason,
        accepted_by=new.accepted_by,
        need=need,
    )
