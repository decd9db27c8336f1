"""How a message is told."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.shapes import Timestamp, Told
from messaging.states import Status
from store.messages import Message, MessageStatus


class Links(Told):
    """Where to look next."""

    self: str
    deliveries: str


class AcceptedMessage(Told):
    """A message that will be sent, whatever happens now."""

    id: UUID
    status: MessageStatus
    channel: str
    segments: int = Field(
        description="What one delivery costs: SMS segments of a text, 1 of a picture message or a mail."
    )
    send_at: Timestamp
    created_at: Timestamp
    links: Links


class MessageSummary(AcceptedMessage):
    """A message as it stands."""

    content: str
    details: dict[str, Any] = Field(
        description="The channel's own fields, such as the `mediaUrls` of a picture message."
    )
    target_type: Literal["all", "contacts", "numbers", "addresses"]
    expanded_at: Timestamp | None = Field(description="When its audience was written.")
    completed_at: Timestamp | None = Field(description="When nothing was left to submit. Receipts may still come.")
    schedule_id: UUID | None = Field(description="The schedule of which it is a run.")
    urgent_reason: str | None = Field(description="Why it was to go out in quiet hours too.")


class Counts(Told):
    """Deliveries by status. They always add up to the audience."""

    audience: int
    suppressed: int
    canceled: int
    queued: int
    sending: int
    unknown: int
    sent: int
    undelivered: int
    failed: int
    delivered: int


class CountedMessage(MessageSummary):
    """A message and how far it came."""

    counts: Counts


class MessagePage(Told):
    """Messages, newest first."""

    items: list[MessageSummary]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


def links(message_id: UUID) -> Links:
    address = f"/api/messages/{message_id}"
    return Links(self=address, deliveries=f"{address}/deliveries")


def accepted(message: Message) -> AcceptedMessage:
    return AcceptedMessage(
        id=message.message_id,
        status=message.status,
        channel=message.channel,
        segments=message.segments,
        send_at=message.send_at,
        created_at=message.created_at,
        links=links(message.message_id),
    )


def summary(message: Message) -> MessageSummary:
    return MessageSummary.model_validate(_fields(message))


def counted(message: Message, by_status: dict[Status, int]) -> CountedMessage:
    counts = Counts(audience=sum(by_status.values()), **{status.value: n for status, n in by_status.items()})
    return CountedMessage.model_validate(_fields(message) | {"counts": counts})


def _fields(message: Message) -> dict[str, object]:
    return {
        **accepted(message).model_dump(),
        "content": message.content,
        "details": message.details,
        "target_type": message.target_type,
        "expanded_at": message.expanded_at,
        "completed_at": message.completed_at,
        "schedule_id": message.schedule_id,
        "urgent_reason": message.urgent_reason,
    }
