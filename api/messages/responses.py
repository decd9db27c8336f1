"""The response models of messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from api.messages.composition import TargetType
from api.messages.wait_reasons import Notice, Wait
from messaging.states import Status
from store.message_progress import MessageProgress
from store.messages import Message, MessageStatus


class Links(ResponseModel):
    """Links to related resources."""

    self: str = Field(description="The path of the message.")
    deliveries: str = Field(description="The path of the list of its deliveries.")


class MessageHead(ResponseModel):
    """The fields that every response with a message has."""

    id: UUID
    status: MessageStatus = Field(description="How far the message has got. `/docs#statuses` explains each status.")
    channel: str
    segments: int = Field(
        description=(
            "The number of segments of one delivery: the SMS segments of a text; 1 for a picture message or an e-mail."
        )
    )
    send_at: Timestamp = Field(description="When the message is due to be sent, or was.")
    created_at: Timestamp
    links: Links


class AcceptedMessage(MessageHead):
    """A message that was accepted and will be sent."""

    warnings: list[Notice] = Field(
        description=(
            "What you should know although the message is accepted: the sender is paused (`sender-paused`), or "
            "the message has no recipients at present (`no-recipients`), or most of the church's monthly quota is used "
            "(`quota-nearly-used`), or values of merge fields may make a text too long to be sent (`texts-too-long`)."
        )
    )


class MessageSummary(MessageHead):
    """A message without its counts."""

    content: str
    details: dict[str, Any] = Field(
        description="The channel's own fields, such as the `mediaUrls` of a picture message."
    )
    target_type: TargetType
    expanded_at: Timestamp | None = Field(description="When its deliveries were created.")
    completed_at: Timestamp | None = Field(
        description=(
            "When every delivery had been submitted to the carrier. Receipts may still arrive. It becomes null again "
            "when a delivery is to be submitted again, for example after `retry-failed`."
        )
    )
    settled_at: Timestamp | None = Field(
        description=(
            "When the counts became final: every delivery had its final status, or the carrier had not reported "
            "one for three days. It becomes null again when `completedAt` does."
        )
    )
    schedule_id: UUID | None = Field(description="The schedule that created it, if any.")
    urgent_reason: str | None = Field(description="Why it is sent in quiet hours too; null if it is not.")
    redacted_at: Timestamp | None = Field(
        description=(
            "When its text, its own fields and its recipients' addresses were removed, because they are kept for a "
            "limited time. `content` is empty then. Null while they are kept."
        )
    )
    deliveries_pruned_at: Timestamp | None = Field(
        description=(
            "Since when its deliveries are not kept any more, because they are kept for a limited time. `counts` stay. "
            "Null while they are kept."
        )
    )


class Counts(ResponseModel):
    """The number of deliveries by status. They always add up to `audience`."""

    audience: int = Field(
        description="The number of all deliveries, including suppressed ones. 0 until they are created (`expandedAt`)."
    )
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
    """A message with its target and its counts."""

    contact_ids: list[UUID] | None = Field(description='The target of the request, when `targetType` is "contacts".')
    phone_numbers: list[str] | None = Field(
        description='The target of the request, when `targetType` is "numbers", in E.164.'
    )
    email_addresses: list[str] | None = Field(
        description='The target of the request, when `targetType` is "addresses".'
    )
    group_ids: list[UUID] | None = Field(description='The target of the request, when `targetType` is "groups".')
    exclude_group_ids: list[UUID] | None = Field(description="The groups whose members get nothing, if any.")
    counts: Counts
    waiting_for_quiet_hours: int = Field(
        description="How many of the `queued` deliveries wait for the end of quiet hours."
    )
    waiting_for: Wait | None = Field(
        description="Why nothing is sent at the moment, or why it is sent slowly; null if it does not wait."
    )


class MessagePage(ResponseModel):
    """Messages, newest first."""

    items: list[MessageSummary]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


def links(message_id: UUID) -> Links:
    address = f"/api/messages/{message_id}"
    return Links(self=address, deliveries=f"{address}/deliveries")


def accepted(message: Message, warnings: Sequence[Notice]) -> AcceptedMessage:
    return AcceptedMessage.model_validate(_head(message) | {"warnings": list(warnings)})


def summary(message: Message) -> MessageSummary:
    return MessageSummary.model_validate(_fields(message))


def counted(
    message: Message, by_status: dict[Status, int], progress: MessageProgress, wait: Wait | None
) -> CountedMessage:
    return CountedMessage.model_validate(
        _fields(message)
        | {
            "contact_ids": progress.target.get("contactIds"),
            "phone_numbers": progress.target.get("phoneNumbers"),
            "email_addresses": progress.target.get("emailAddresses"),
            "group_ids": progress.target.get("groupIds"),
            "exclude_group_ids": progress.target.get("excludeGroupIds"),
            "counts": Counts(audience=sum(by_status.values()), **{status.value: n for status, n in by_status.items()}),
            "waiting_for_quiet_hours": min(progress.queued_quiet, by_status[Status.QUEUED]),
            "waiting_for": wait,
        }
    )


def _head(message: Message) -> dict[str, object]:
    return {
        "id": message.message_id,
        "status": message.status,
        "channel": message.channel,
        "segments": message.segments,
        "send_at": message.send_at,
        "created_at": message.created_at,
        "links": links(message.message_id),
    }


def _fields(message: Message) -> dict[str, object]:
    return {
        **_head(message),
        "content": message.content,
        "details": message.details,
        "target_type": message.target_type,
        "expanded_at": message.expanded_at,
        "completed_at": message.completed_at,
        "settled_at": message.settled_at,
        "schedule_id": message.schedule_id,
        "urgent_reason": message.urgent_reason,
        "redacted_at": message.redacted_at,
        "deliveries_pruned_at": message.prune_began_at,
    }
