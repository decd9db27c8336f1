"""What a message waits for, and what its author is warned of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from pydantic import Field

from api.models import ResponseModel, Timestamp
from channels.registry import CHANNELS
from messaging.addresses import AddressKind
from store import message_progress
from store.message_progress import MessageProgress
from store.messages import Message

WaitReason = Literal[
    "message-paused",
    "channel-unavailable",
    "sender-paused",
    "send-time",
    "carrier-limit",
    "quiet-hours",
    "retry",
    "pace",
]


_ADDRESSES = {AddressKind.PHONE: "phone number", AddressKind.EMAIL: "e-mail address"}


class Wait(ResponseModel):
    """Why nothing of the message is sent just now, or no faster."""

    reason: WaitReason
    detail: str = Field(description="The same for people, with what ends it.")
    since: Timestamp | None = Field(description="Since when, where that is known.")
    until: Timestamp | None = Field(description="Until when, where that is known.")


class Notice(ResponseModel):
    """Something that does not keep a request from being accepted, and that its author should know."""

    code: Literal["sender-paused", "no-recipients"]
    message: str


def wait_of(message: Message, ahead: MessageProgress, *, unavailable: str | None) -> Wait | None:
    """What the message waits for first; None when nothing is left to send, or it is being sent.

    `unavailable`: why nothing can be sent on its channel here, if so.
    """
    if message.canceled_at is not None or message.completed_at is not None:
        return None
    if message.expanded_at is not None and not ahead.queued:
        return None  # all of it is at the carrier, or may be
    return _stop(message, ahead, unavailable) or _delay(message, ahead)


def notices(
    connection: Connection[Any], *, church_id: UUID, channel: str, target_type: str, target: dict[str, list[str]]
) -> list[Notice]:
    """What is to be said of a message for this target, as things stand."""
    found = message_progress.preview(
        connection,
        church_id=church_id,
        channel=channel,
        address_kind=CHANNELS[channel].address_kind,
        target_type=target_type,
        target=target,
    )
    told: list[Notice] = []
    if found.sender_paused_reason is not None:
        told.append(Notice(code="sender-paused", message=_refused(found.sender_paused_reason)))
    if not found.reaches_anyone:
        told.append(
            Notice(
                code="no-recipients",
                message="As things stand nobody gets it: nobody is in the target, or everyone in it has opted out or "
                f"has no {_ADDRESSES[CHANNELS[channel].address_kind]}.",
            )
        )
    return told


def _stop(message: Message, ahead: MessageProgress, unavailable: str | None) -> Wait | None:
    """What somebody must do something about."""
    if message.paused_at is not None:
        return _wait("message-paused", "The message is paused. Resume it to send the rest.", since=message.paused_at)
    if unavailable is not None:
        return _wait("channel-unavailable", f"{message.channel} {unavailable}. It is sent once that is mended.")
    if ahead.sender_paused_reason is not None:
        return _wait("sender-paused", _refused(ahead.sender_paused_reason), since=ahead.sender_paused_at)
    return None


def _delay(message: Message, ahead: MessageProgress) -> Wait | None:
    """What passes by itself."""
    if message.expanded_at is None:
        if message.send_at <= datetime.now(UTC):
            return None
        return _wait("send-time", "Its time has not come.", until=message.send_at)
    if ahead.sender_slowed_until is not None:
        detail = "The carrier asked for fewer messages. It goes on by itself."
        return _wait("carrier-limit", detail, until=ahead.sender_slowed_until)
    if ahead.queued_due:
        if ahead.segments_per_second is None:
            return None
        return _wait("pace", f"The sender sends {ahead.segments_per_second:g} segments a second.")
    if ahead.queued_quiet:
        return _wait("quiet-hours", "It is quiet hours where they are.", until=ahead.next_due_at)
    detail = "The carrier could not take it for now. It is tried again by itself."
    return _wait("retry", detail, until=ahead.next_due_at)


def _refused(reason: str) -> str:
    return (
        f"The carrier refuses the church's sender ({reason}). Everything waits, and is sent once an operator has "
        "mended the cause and resumed the sender."
    )


def _wait(reason: WaitReason, detail: str, *, since: datetime | None = None, until: datetime | None = None) -> Wait:
    return Wait(reason=reason, detail=detail, since=since, until=until)
