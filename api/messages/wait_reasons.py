"""Why a message waits, and the warnings that its author gets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from pydantic import Field

from api.base_models import ResponseModel, Timestamp
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
    """Why nothing of the message is sent at the moment, or why it is sent slowly."""

    reason: WaitReason
    detail: str = Field(description="The reason in words, with what ends the wait.")
    since: Timestamp | None = Field(description="When the wait began, if known.")
    until: Timestamp | None = Field(description="When the wait ends, if known.")


class Notice(ResponseModel):
    """A warning: the request is accepted, but its author should know this."""

    code: Literal["sender-paused", "no-recipients"]
    message: str


def wait_of(message: Message, ahead: MessageProgress, *, unavailable: str | None) -> Wait | None:
    """Return what the message waits for first; None when nothing is left to send or it is being sent.

    `unavailable` is the reason why the channel cannot send in this installation, if any.
    """
    if message.canceled_at is not None or message.completed_at is not None:
        return None
    if message.expanded_at is not None and not ahead.queued:
        return None  # everything was submitted, or may have been
    return _stop(message, ahead, unavailable) or _delay(message, ahead)


def notices(
    connection: Connection[Any], *, church_id: UUID, channel: str, target_type: str, target: dict[str, list[str]]
) -> list[Notice]:
    """Return the warnings for a message to this target."""
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
                message=(
                    "The message has no recipients at present: nobody is in the target, or everyone in it has opted "
                    f"out or has no {_ADDRESSES[CHANNELS[channel].address_kind]}."
                ),
            )
        )
    return told


def _stop(message: Message, ahead: MessageProgress, unavailable: str | None) -> Wait | None:
    """Return a wait that a person must end."""
    if message.paused_at is not None:
        return _wait("message-paused", "The message is paused. Resume it to send the rest.", since=message.paused_at)
    if unavailable is not None:
        return _wait("channel-unavailable", f"{message.channel} {unavailable}. The message is sent once that is fixed.")
    if ahead.sender_paused_reason is not None:
        return _wait("sender-paused", _refused(ahead.sender_paused_reason), since=ahead.sender_paused_at)
    return None


def _delay(message: Message, ahead: MessageProgress) -> Wait | None:
    """Return a wait that ends by itself."""
    if message.expanded_at is None:
        if message.send_at <= datetime.now(UTC):
            return None
        return _wait("send-time", "The time to send it has not come yet.", until=message.send_at)
    if ahead.sender_slowed_until is not None:
        detail = "The carrier asked for fewer messages. Sending continues by itself."
        return _wait("carrier-limit", detail, until=ahead.sender_slowed_until)
    if ahead.queued_due:
        if ahead.segments_per_second is None:
            return None
        return _wait("pace", f"The sender's rate is {ahead.segments_per_second:g} segments a second.")
    if ahead.queued_quiet:
        return _wait("quiet-hours", "It is within quiet hours at the recipients' places.", until=ahead.next_due_at)
    detail = "The carrier could not take it for now. It is retried automatically."
    return _wait("retry", detail, until=ahead.next_due_at)


def _refused(reason: str) -> str:
    return (
        f"The carrier refuses the church's sender ({reason}). The rest is sent once an operator has "
        "fixed the cause and resumed the sender."
    )


def _wait(reason: WaitReason, detail: str, *, since: datetime | None = None, until: datetime | None = None) -> Wait:
    return Wait(reason=reason, detail=detail, since=since, until=until)
