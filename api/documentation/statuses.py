"""The meaning of each status of messages and deliveries. docs/statuses.md has the same texts."""

from __future__ import annotations

from collections.abc import Mapping

from messaging.states import Status
from store.messages import MessageStatus

MESSAGES: Mapping[MessageStatus, str] = {
    "scheduled": "It will be sent at `sendAt`.",
    "accepted": "It is stored. Its deliveries will be created in a moment.",
    "sending": "Its deliveries exist, and some are not submitted yet. If it waits, `waitingFor` says for what.",
    "paused": "A person paused it. Nothing is submitted until it is resumed.",
    "completed": "Everything has been submitted (`completedAt`). Receipts may still arrive until `settledAt`.",
    "canceled": "A person canceled it. Deliveries that the carrier already has may still arrive.",
}

DELIVERIES: Mapping[Status, tuple[str, str]] = {
    Status.SUPPRESSED: (
        "yes",
        "It is never sent. `reason` says why, such as `opted out`, `no address` or `duplicate`.",
    ),
    Status.CANCELED: ("yes", "Its message was canceled before it was submitted."),
    Status.QUEUED: ("no", "It waits to be submitted, at the earliest at `waitsUntil`."),
    Status.SENDING: ("no", "It is being submitted to the carrier."),
    Status.UNKNOWN: (
        "no",
        "It may have been sent: the carrier did not answer. It is looked up at the carrier, or a person resolves it.",
    ),
    Status.SENT: ("no", "The carrier accepted it. A receipt follows; for an e-mail, only if it bounces."),
    Status.UNDELIVERED: ("yes", "The carrier could not deliver it. `retry-failed` sends it again."),
    Status.FAILED: (
        "yes",
        "The carrier refused it, it was too late to send it, or with the values of its recipient its text is too long "
        "or empty. `retry-failed` sends it again, but for the last two.",
    ),
    Status.DELIVERED: ("yes", "It arrived."),
}
"""By status: whether it is final, and what it means."""
