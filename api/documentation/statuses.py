"""What the statuses of messages and deliveries mean. The same stands in docs/statuses.md."""

from __future__ import annotations

from collections.abc import Mapping

from messaging.states import Status
from store.messages import MessageStatus

MESSAGES: Mapping[MessageStatus, str] = {
    "scheduled": "Its time (`sendAt`) has not come yet.",
    "accepted": "It is stored, and its audience is about to be written.",
    "sending": "Its audience is written, and something is left to submit. `waitingFor` says so when it waits.",
    "paused": "A person paused it. Nothing is submitted until it is resumed.",
    "completed": "Nothing is left to submit (`completedAt`). Receipts may still come until `settledAt`.",
    "canceled": "A person canceled it. What the carrier has already may still be delivered.",
}

DELIVERIES: Mapping[Status, tuple[str, str]] = {
    Status.SUPPRESSED: ("yes", "Never sent; `reason` says why: opted out, no address, a duplicate."),
    Status.CANCELED: ("yes", "Its message was canceled before it was submitted."),
    Status.QUEUED: ("no", "It waits for its turn, its hour (`waitsUntil`) or its next attempt."),
    Status.SENDING: ("no", "It is being submitted."),
    Status.UNKNOWN: ("no", "It may have been sent: no answer came. It is looked for, or a person resolves it."),
    Status.SENT: ("no", "The carrier accepted it. A receipt follows; of a mail only a bounce would."),
    Status.UNDELIVERED: ("yes", "The carrier could not deliver it. `retry-failed` sends it once more."),
    Status.FAILED: ("yes", "The carrier refused it, or it came too late. `retry-failed` sends it once more."),
    Status.DELIVERED: ("yes", "It arrived."),
}
"""By status: whether it is final, and what it means."""
