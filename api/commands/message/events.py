"""The events of a message, in order: from its row, the audit, its deliveries and their receipts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from store.audit import AuditEvent
from store.message_story import AttemptCounts, DeliveryGroup, FoundMessage, ReceiptGroup
from store.messages import Message

_LISTED_REASONS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryEvent:
    at: datetime
    until: datetime | None = None
    """When the last of several things happened."""
    what: str
    detail: str = ""


def message_events(
    message: Message,
    found: FoundMessage,
    *,
    creator: str,
    audited: Sequence[AuditEvent],
    groups: Sequence[DeliveryGroup],
    receipts: Sequence[ReceiptGroup],
) -> list[StoryEvent]:
    """Return the events, the earliest first."""
    events = [
        StoryEvent(
            at=message.created_at,
            what="accepted",
            detail=f"{creator}, to {message.target_type}, request {found.request_id}",
        ),
        *_times(message, found, groups, {event.action for event in audited}),
        *(
            StoryEvent(
                at=event.happened_at, what=event.action.partition(".")[2], detail=f"by {event.actor_kind} {event.actor}"
            )
            for event in audited
            if event.action != "message.accepted"
        ),
        *(_receipts(each) for each in receipts),
    ]
    return sorted(events, key=lambda event: event.at)


def describe_attempts(attempts: AttemptCounts) -> list[str]:
    """Return what is to be said about attempts, retries and doubts."""
    lines = [f"{attempts.attempts:,} attempts"]
    for count, words in (
        (attempts.sent_more_than_once, "were claimed more than once"),
        (attempts.refused_for_now, "were refused temporarily, and retried"),
        (attempts.not_found_at_carrier, "were in doubt, not found at the carrier, and sent again"),
    ):
        if count:
            lines.append(f"{count:,} {words}")
    return lines


def _times(
    message: Message, found: FoundMessage, groups: Sequence[DeliveryGroup], audited_actions: set[str]
) -> Iterator[StoryEvent]:
    if (message.send_at - message.created_at).total_seconds() >= 1:
        yield StoryEvent(at=message.send_at, what="scheduled for", detail="the time at which it is to be sent")
    if message.expanded_at is not None:
        yield StoryEvent(at=message.expanded_at, what="expanded", detail=_audience(groups))
    for at, action, what in (
        (message.paused_at, "message.paused", "paused"),
        (found.resumed_at, "message.resumed", "resumed"),
        (message.canceled_at, "message.canceled", "canceled"),
    ):
        if at is not None and action not in audited_actions:  # with the audit it is known who did it
            yield StoryEvent(at=at, what=what)
    if message.completed_at is not None:
        yield StoryEvent(at=message.completed_at, what="completed", detail="nothing is left to submit")
    if message.settled_at is not None:
        yield StoryEvent(at=message.settled_at, what="settled", detail="no more receipts are expected")


def _audience(groups: Sequence[DeliveryGroup]) -> str:
    total = sum(each.deliveries for each in groups)
    suppressed = [each for each in groups if each.status == "suppressed"]
    if not suppressed:
        return f"{total:,} recipients"
    reasons = ", ".join(f"{each.deliveries:,} {each.reason}" for each in suppressed[:_LISTED_REASONS])
    return f"{total:,} recipients, of which {sum(each.deliveries for each in suppressed):,} get nothing ({reasons})"


def _receipts(group: ReceiptGroup) -> StoryEvent:
    unapplied = f", {group.unapplied:,} not applied yet" if group.unapplied else ""
    return StoryEvent(
        at=group.first_at,
        until=group.last_at,
        what=f"reported {group.status}",
        detail=f"by the carrier, {group.receipts:,} receipts{unapplied}",
    )
