"""Why a message waits, and the warnings for a new message or schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from pydantic import Field

import logs
from api.base_models import ResponseModel, Timestamp
from channels.registry import CHANNELS
from messaging.addresses import AddressKind
from store import message_progress
from store.daily_limits import Need, is_nearly_used
from store.message_progress import MessageProgress, SendPreview
from store.messages import Message

WaitReason = Literal[
    "message-paused",
    "church-suspended",
    "channel-unavailable",
    "sender-paused",
    "send-time",
    "carrier-limit",
    "quiet-hours",
    "retry",
    "pace",
]


_log = logs.get_logger(__name__)
_ADDRESSES = {AddressKind.PHONE: "phone number", AddressKind.EMAIL: "e-mail address"}


class Wait(ResponseModel):
    """Why nothing is sent at the moment, or why the message is sent slowly."""

    reason: WaitReason = Field(
        description=(
            "The reason as a code. `message-paused`: resume the message. `church-suspended`, `channel-unavailable`, "
            "`sender-paused`: an operator must act. `send-time`, `carrier-limit`, `quiet-hours`, `retry`: sending "
            "continues automatically. `pace`: it is being sent, but slowly, because the sender's speed is limited."
        )
    )
    detail: str = Field(description="The reason in words, and what ends the wait.")
    since: Timestamp | None = Field(description="When the wait began, if known.")
    until: Timestamp | None = Field(description="When the wait ends, if known.")


class Notice(ResponseModel):
    """A warning about a request that was accepted."""

    code: Literal["sender-paused", "no-recipients", "quota-nearly-used", "texts-too-long"]
    message: str = Field(description="The warning in words.")


def wait_of(message: Message, progress: MessageProgress, *, unavailable: str | None) -> Wait | None:
    """Return what the message waits for first, or None if it is being sent or nothing is left to send.

    `unavailable` is the reason why this installation cannot send on the channel, if any.
    """
    if message.canceled_at is not None or message.completed_at is not None:
        return None
    if message.expanded_at is not None and not progress.queued:
        return None  # every delivery has been submitted, or is in doubt
    return _wait_for_person(message, progress, unavailable) or _wait_for_time(message, progress)


def notices(
    connection: Connection[Any],
    *,
    church_id: UUID,
    channel: str,
    target_type: str,
    target: dict[str, list[str]],
    need: Need | None = None,
    is_new: bool = False,
) -> list[Notice]:
    """Return the warnings for a message to this target.

    `need`: what it has reserved. `is_new`: logs if it is the message after which most of the month's quota is used.
    """
    preview = message_progress.preview(
        connection,
        church_id=church_id,
        channel=channel,
        address_kind=CHANNELS[channel].address_kind,
        target_type=target_type,
        target=target,
        day=need.day if need else None,
    )
    warnings: list[Notice] = []
    if preview.sender_paused_reason is not None:
        warnings.append(Notice(code="sender-paused", message=_refused(preview.sender_paused_reason)))
    if not preview.reaches_anyone:
        warnings.append(
            Notice(
                code="no-recipients",
                message=(
                    "The message has no recipients at present: nobody is in the target, or everyone in it has opted "
                    f"out or has no {_ADDRESSES[CHANNELS[channel].address_kind]}."
                ),
            )
        )
    if need is not None and is_nearly_used(preview.month_segments, preview.monthly_quota):
        warnings.append(_nearly_used(need, preview))
        if is_new and not is_nearly_used(preview.month_segments - need.segments, preview.monthly_quota):
            _log.warning("most of the monthly quota of the church is used", church_id=str(church_id))
    return warnings


def _nearly_used(need: Need, preview: SendPreview) -> Notice:
    return Notice(
        code="quota-nearly-used",
        message=(
            f"{preview.month_segments:,} of the {preview.monthly_quota:,} segments that the church may send in "
            f"{need.month:%B %Y} are used or reserved. The quota begins anew on {need.next_month.isoformat()}."
        ),
    )


def _wait_for_person(message: Message, progress: MessageProgress, unavailable: str | None) -> Wait | None:
    """Return the wait that only a person can end, if any."""
    if message.paused_at is not None:
        return _wait("message-paused", "The message is paused. Resume it to continue.", since=message.paused_at)
    if progress.church_suspended_at is not None:
        detail = "The operator has suspended the church. Nothing is sent until the operator resumes it."
        return _wait("church-suspended", detail, since=progress.church_suspended_at)
    if unavailable is not None:
        return _wait(
            "channel-unavailable",
            f"{message.channel} {unavailable}. The message is sent once an operator has fixed this.",
        )
    if progress.sender_paused_reason is not None:
        return _wait("sender-paused", _refused(progress.sender_paused_reason), since=progress.sender_paused_at)
    return None


def _wait_for_time(message: Message, progress: MessageProgress) -> Wait | None:
    """Return the wait that ends by itself, if any."""
    if message.expanded_at is None:
        if message.send_at <= datetime.now(UTC):
            return None
        return _wait("send-time", "It is scheduled for a later time.", until=message.send_at)
    if progress.sender_slowed_until is not None:
        detail = "The carrier asked us to send more slowly. Sending continues automatically."
        return _wait("carrier-limit", detail, until=progress.sender_slowed_until)
    if progress.queued_due:
        if progress.segments_per_second is None:
            return None
        return _wait(
            "pace", f"The sender may send {progress.segments_per_second:g} segments per second, so this takes a while."
        )
    if progress.queued_quiet:
        return _wait(
            "quiet-hours",
            "It is quiet hours where the recipients live. Sending continues automatically.",
            until=progress.next_due_at,
        )
    detail = "The carrier did not accept the remaining deliveries. They are retried automatically."
    return _wait("retry", detail, until=progress.next_due_at)


def _refused(reason: str) -> str:
    return (
        f"The carrier refuses the church's sender ({reason}). The message is sent once an operator has fixed the cause "
        "and resumed the sender."
    )


def _wait(reason: WaitReason, detail: str, *, since: datetime | None = None, until: datetime | None = None) -> Wait:
    return Wait(reason=reason, detail=detail, since=since, until=until)
