"""What churches compose, and how far it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from messaging.number_regions import number_region
from messaging.states import Status
from store import contacts, daily_limits, sql
from store.daily_limits import Need

_SQL = sql.load("messages")

MessageStatus = Literal["scheduled", "accepted", "sending", "completed", "paused", "canceled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    message_id: UUID
    channel: str
    content: str
    details: dict[str, Any]
    """The channel's own fields, by their names in JSON."""
    segments: int
    target_type: str
    request_hash: bytes
    send_at: datetime
    created_at: datetime
    expanded_at: datetime | None
    completed_at: datetime | None
    """When nothing was left to submit; None again when something is, after a retry for instance."""
    settled_at: datetime | None
    """When every delivery had its end, or the carrier was no longer asked about it; None again like completed_at."""
    paused_at: datetime | None
    canceled_at: datetime | None
    schedule_id: UUID | None
    urgent_reason: str | None

    @property
    def status(self) -> MessageStatus:
        """scheduled (its hour has not come), accepted (audience unwritten), sending, completed (all submitted), …"""
        if self.canceled_at is not None:
            return "canceled"
        if self.paused_at is not None:
            return "paused"
        if self.completed_at is not None:
            return "completed"
        if self.expanded_at is not None:
            return "sending"
        return "scheduled" if self.send_at > datetime.now(UTC) else "accepted"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewMessage:
    """What the API accepted.

    `target` is {"contactIds": [...]}, {"phoneNumbers": [E.164, ...], "numberZones": [as of messaging.number_zones],
    "numberRegions": [as of messaging.number_regions]}, {"emailAddresses": [...]} or {}. Numbers may come without zones
    and regions.
    """

    church_id: UUID
    channel: str
    content: str
    segments: int
    target_type: str
    target: dict[str, list[str]]
    idempotency_key: str | None
    request_hash: bytes
    request_id: str
    send_at: datetime | None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The channel's own fields, by their names in JSON."""
    urgent_reason: str | None = None
    """Why it may go out in quiet hours too."""
    schedule_id: UUID | None = None
    """The schedule that it is a run of."""
    need: Need | None = None
    """What is counted for it when it is stored. None: it is counted when its audience is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DueExpansion:
    church_id: UUID
    message_id: UUID
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Expansion:
    """How many deliveries were written for a message, and how many of them failed for the church's daily limit."""

    written: int
    beyond_limit: int


class NoSender(Exception):
    """The church has no sender on the message's channel."""


def insert(connection: Connection[Any], new: NewMessage) -> tuple[Message, bool]:
    """The message and whether it is new: with an idempotency key used before, the message that key made.

    Raises NoSender; and DailyLimitReached for a new one that the church may not send any more on its day.
    """
    parameters = {
        "church_id": new.church_id,
        "channel": new.channel,
        "content": new.content,
        "details": Jsonb(dict(new.details)),
        "segments": new.segments,
        "target_type": new.target_type,
        "target": Jsonb(new.target),
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "request_id": new.request_id,
        "send_at": new.send_at,
        "urgent_reason": new.urgent_reason,
        "schedule_id": new.schedule_id,
        "counted_on": new.need.day if new.need else None,
        "counted_segments": new.need.segments if new.need else 0,
    }
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        made = cursor.execute(_SQL["insert_message"], parameters).fetchone()
        if made is not None:
            daily_limits.reserve(connection, church_id=new.church_id, need=new.need)
            return made, True
        known = cursor.execute(_SQL["find_by_idempotency_key"], parameters).fetchone()
    if known is None:
        raise NoSender
    return known, False


def get(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> Message | None:
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(_SQL["get_message"], {"church_id": church_id, "message_id": message_id}).fetchone()


def page(
    connection: Connection[Any],
    *,
    church_id: UUID,
    before: UUID | None,
    limit: int,
    statuses: Sequence[MessageStatus] | None = None,
) -> list[Message]:
    """Up to `limit` messages made before the message `before`, newest first, of the given statuses or of all."""
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        cursor.execute(
            _SQL["page_messages"],
            {
                "church_id": church_id,
                "before": before or sql.LAST_ID,
                "row_limit": limit,
                "statuses": None if statuses is None else list(statuses),
            },
        )
        return cursor.fetchall()


def counts(connection: Connection[Any], message_id: UUID) -> dict[Status, int]:
    """Deliveries by status, every status named. Their sum is the audience."""
    found = connection.execute(_SQL["count_deliveries"], {"message_id": message_id}).fetchall()
    return dict.fromkeys(Status, 0) | {Status(status): deliveries for status, deliveries in found}


def expand(
    connection: Connection[Any],
    *,
    church_id: UUID,
    message_id: UUID,
    address_kind: AddressKind,
    keeps_quiet_hours: bool,
    segment_weight: int = 0,
    default_limit: int | None = None,
    default_regions: Sequence[str] | None = None,
) -> Expansion:
    """Write the message's deliveries; none if that was done before, or its hour has not come.

    `address_kind` says at which of their addresses contacts are reached, `keeps_quiet_hours` whether those who are
    outside the hours for texting wait for them, `segment_weight` what a segment takes of the church's daily limit.
    The defaults are for churches that have no limit or regions of their own; None: everything is allowed.
    """
    names = {"church_id": church_id, "message_id": message_id}
    numbers: Sequence[str] = ()
    if address_kind is AddressKind.PHONE:
        found = connection.execute(_SQL["find_unjudged"], names).fetchone()
        if found is None:
            return Expansion(written=0, beyond_limit=0)
        numbers, unjudged_contacts = found[0] or (), found[1]
        if unjudged_contacts:
            contacts.judge_numbers(connection, church_id=church_id)
    row = connection.execute(
        _SQL["expand_message"],
        {
            **names,
            "address_kind": address_kind.value,
            "keeps_quiet_hours": keeps_quiet_hours,
            "number_regions": [number_region(number) for number in numbers],
            "default_regions": None if default_regions is None else list(default_regions),
        },
    ).fetchone()
    written, queued, done_now = row if row else (0, 0, False)
    if not done_now or not segment_weight:
        return Expansion(written=written, beyond_limit=0)
    sent = daily_limits.settle(
        connection,
        church_id=church_id,
        message_id=message_id,
        queued=queued,
        segment_weight=segment_weight,
        default_limit=default_limit,
    )
    return Expansion(written=written, beyond_limit=queued - sent)


def next_expansion(
    connection: Connection[Any], *, channel: str, passing_over: Sequence[UUID] = ()
) -> DueExpansion | None:
    """The message that waits longest for its audience to be written, held until the transaction ends."""
    with connection.cursor(row_factory=class_row(DueExpansion)) as cursor:
        cursor.execute(_SQL["next_expansion"], {"channel": channel, "passing_over": list(passing_over)})
        return cursor.fetchone()


def channels_to_expand(connection: Connection[Any]) -> list[str]:
    """The channels with messages whose hour has come and whose audience is not written yet."""
    return [channel for (channel,) in connection.execute(_SQL["channels_to_expand"]).fetchall()]


def complete(connection: Connection[Any], *, church_ids: Sequence[UUID] | None = None) -> int:
    """Mark every message, of these churches or of all, that has nothing left to submit; how many."""
    chosen = None if church_ids is None else list(church_ids)
    found = connection.execute(_SQL["lock_open_messages"], {"church_ids": chosen}).fetchall()
    if not found:
        return 0
    return connection.execute(_SQL["complete_messages"], {"message_ids": [row[0] for row in found]}).rowcount


def lock(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> Message | None:
    """The message, held until the transaction ends: what people say of it is done one after the other."""
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(_SQL["lock_message"], {"church_id": church_id, "message_id": message_id}).fetchone()


def cancel(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> int:
    """Send nothing more of it, for good; how many deliveries that spared."""
    names = {"church_id": church_id, "message_id": message_id}
    connection.execute(_SQL["cancel_message"], names)
    return connection.execute(_SQL["cancel_deliveries"], names).rowcount


def pause(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> None:
    """Send nothing more of it for now."""
    names = {"church_id": church_id, "message_id": message_id}
    connection.execute(_SQL["pause_message"], names)
    connection.execute(_SQL["put_off_deliveries"], names)


def resume(connection: Connection[Any], *, church_id: UUID, message: Message) -> None:
    """Send the rest of it."""
    names = {"church_id": church_id, "message_id": message.message_id}
    connection.execute(_SQL["resume_message"], names)
    connection.execute(_SQL["bring_back_deliveries"], {**names, "send_at": message.send_at})


def retry_failed(
    connection: Connection[Any],
    *,
    church_id: UUID,
    message_id: UUID,
    reasons: Sequence[str] | None,
    error_codes: Sequence[str] | None,
) -> int:
    """Send those that failed once more, of all or of the chosen reasons and codes; how many."""
    names = {"church_id": church_id, "message_id": message_id}
    chosen = {
        "reasons": None if reasons is None else list(reasons),
        "error_codes": None if error_codes is None else list(error_codes),
    }
    again = connection.execute(_SQL["retry_deliveries"], {**names, **chosen}).rowcount
    if again:
        reopen(connection, church_id=church_id, message_id=message_id)
    return again


def reopen(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> None:
    """It has something to send again."""
    connection.execute(_SQL["reopen_message"], {"church_id": church_id, "message_id": message_id})


def settle(connection: Connection[Any], *, give_up_seconds: float) -> int:
    """Mark the messages about which the carrier need not be asked any more; how many."""
    return connection.execute(_SQL["settle_messages"], {"give_up_seconds": give_up_seconds}).rowcount
