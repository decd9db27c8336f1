"""Messages: what churches compose and send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from messaging.states import Status
from store import daily_limits, links, sql, suspensions
from store.audit import Actor
from store.daily_limits import Fits, Need
from store.merge_fields import StoredMergeFields

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
    """When nothing was left to submit; None again when there is something, for example after a retry."""
    settled_at: datetime | None
    """When every delivery was final or its receipts were no longer fetched; None again like completed_at."""
    paused_at: datetime | None
    canceled_at: datetime | None
    schedule_id: UUID | None
    urgent_reason: str | None
    redacted_at: datetime | None
    """When its text and the addresses of its target were removed: it cannot be sent again."""
    prune_began_at: datetime | None
    """From when on its deliveries are not kept: `counts` are those of its totals."""

    @property
    def status(self) -> MessageStatus:
        """canceled, paused, completed (all submitted), sending (expanded), accepted (due) or scheduled (not due)."""
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
    """A message to insert.

    `target` is {"contactIds": [...]}, {"phoneNumbers": [E.164, ...], "numberZones": [as in messaging/number_zones.py],
    "numberRegions": [as in messaging/number_regions.py]}, {"emailAddresses": [...]}, {"groupIds": [...]} or {}, the
    last two also with "excludeGroupIds". Numbers may be without zones and regions.
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
    """Why it may be sent in quiet hours too."""
    schedule_id: UUID | None = None
    """The schedule of which it is a run."""
    shorten_links: bool | None = None
    """Whether the request wants short links; None: it does not say."""
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    """The URL that each short URL in the content replaces."""
    accepted_by: Actor | None = None
    """Who sent it, for the audit. None: it is a run of a schedule, which is recorded as such."""
    merge_fields: StoredMergeFields | None = None
    """None: everybody gets the same text. A message of a schedule has those of the schedule."""
    need: Need | None = None
    """What is reserved of the limits on insert. None: the message is counted when it is expanded."""


class NoSender(Exception):
    """The church has no sender on the message's channel."""


def insert(connection: Connection[Any], new: NewMessage) -> tuple[Message, bool]:
    """Returns the message and whether it is new: False if the idempotency key was used before, with that message.

    Raises ChurchSuspended, NoSender, and LimitReached if a new message does not fit on its day or in its month.
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
        "shorten_links": new.shorten_links,
        "merge_fields": None if new.merge_fields is None else Jsonb(new.merge_fields),
        "actor_kind": new.accepted_by.kind if new.accepted_by else None,
        "actor": new.accepted_by.name if new.accepted_by else None,
        "counted_on": new.need.day if new.need else None,
        "counted_segments": new.need.segments if new.need else 0,
        "daily_limit": new.need.daily_limit if new.need else None,
        "monthly_quota": new.need.monthly_quota if new.need else None,
    }
    with connection.cursor(row_factory=kwargs_row(_inserted)) as cursor:
        inserted = cursor.execute(_SQL["insert_message"], parameters).fetchone()
    if inserted is not None:
        message, fits = inserted
        if new.need is not None and not fits.day:
            daily_limits.refuse(connection, church_id=new.church_id, need=new.need, fits=fits)
        if new.links:
            links.set_of_message(
                connection,
                church_id=new.church_id,
                message_id=message.message_id,
                urls=new.links,
                send_at=message.send_at,
            )
        return message, True
    with connection.cursor(row_factory=class_row(Message)) as cursor:
        existing = cursor.execute(_SQL["find_by_idempotency_key"], parameters).fetchone()
    if existing is None:
        suspensions.refuse_suspended(connection, new.church_id)
        raise NoSender
    return existing, False


def _inserted(*, fits_month: bool, fits_day: bool, **fields: Any) -> tuple[Message, Fits]:
    return Message(**fields), Fits(month=fits_month, day=fits_day)


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
    """Returns up to `limit` messages older than the message `before`, newest first, of these statuses or of all."""
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
    """Returns the number of deliveries for every status. Their sum is the audience."""
    found = connection.execute(_SQL["count_deliveries"], {"message_id": message_id}).fetchall()
    return dict.fromkeys(Status, 0) | {Status(status): deliveries for status, deliveries in found}
