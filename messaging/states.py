"""The statuses of a delivery (one message to one recipient) and the transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """How far a delivery has got: whether it was submitted, and whether it arrived. `/docs#statuses` explains each."""

    # In the order of the database's enum. Receipts only move a delivery forward in this order.

    SUPPRESSED = "suppressed"
    """Never submitted; `reason` is a SuppressionReason."""
    CANCELED = "canceled"
    """Stopped by the church before it was submitted."""
    QUEUED = "queued"
    """Waiting to be claimed: for the first attempt, or for the next."""
    SENDING = "sending"
    """Claimed under a lease, and being submitted."""
    UNKNOWN = "unknown"
    """In doubt: it is not known whether the carrier accepted it (docs/decisions/0003, 0012).

    A late result of the submission, a receipt, a look-up in the carrier's list, or a person resolves it. A text that
    several look-ups over several minutes do not find is queued again, or fails if it is too old; while the list cannot
    be read, it stays `unknown`. A mail cannot be looked up: it is queued again after the same time, at most twice, and
    then stays `unknown`."""
    SENT = "sent"
    """The carrier accepted it."""
    UNDELIVERED = "undelivered"
    """The carrier accepted it and could not deliver it."""
    FAILED = "failed"
    """The carrier refused it, it was too old to be sent, the church's daily limit was reached, or the recipient's text
    is too long or empty."""
    DELIVERED = "delivered"
    """The recipient has it."""


class SuppressionReason(StrEnum):
    """Why a delivery is `suppressed`: the values of its `reason` that the queries store and the API returns."""

    NO_ADDRESS = "no address"
    """The contact does not exist, or has no address of the channel's kind."""
    OPTED_OUT = "opted out"
    BOUNCED = "bounced before"
    """An earlier mail to the address bounced."""
    NEVER_TEXTED = "number is never texted"
    """Of a kind such as premium-rate (messaging/number_regions.py)."""
    REGION_NOT_ALLOWED = "region not allowed"
    DUPLICATE = "duplicate"
    """Another delivery of the message has the same address."""
    ERASED = "erased"
    """The person asked to be erased before it was submitted (docs/retention.md)."""


DAILY_LIMIT_REASON = "daily limit"
MONTHLY_QUOTA_REASON = "monthly quota"
FAILURE_REASONS = (
    "too late to be sent",
    DAILY_LIMIT_REASON,
    MONTHLY_QUOTA_REASON,
    "decided by a person",
    "text too long",
    "text is empty",
)
"""Why a delivery is `failed` without the carrier's doing: the values of its `reason` that the queries store. The reason
of a refusal is the carrier's, in any words; its error code tells such failures apart."""

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.SUPPRESSED: frozenset({Status.SENT, Status.DELIVERED}),
    Status.CANCELED: frozenset({Status.QUEUED, Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED}),
    Status.QUEUED: frozenset(
        {
            Status.SUPPRESSED,
            Status.CANCELED,
            Status.SENDING,
            Status.SENT,
            Status.UNDELIVERED,
            Status.FAILED,
            Status.DELIVERED,
        }
    ),
    Status.SENDING: frozenset(
        {Status.QUEUED, Status.UNKNOWN, Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED}
    ),
    Status.UNKNOWN: frozenset({Status.QUEUED, Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED}),
    Status.SENT: frozenset({Status.QUEUED, Status.UNKNOWN, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED}),
    Status.UNDELIVERED: frozenset({Status.QUEUED, Status.UNKNOWN, Status.FAILED, Status.DELIVERED}),
    Status.FAILED: frozenset({Status.QUEUED, Status.UNKNOWN, Status.DELIVERED}),
    Status.DELIVERED: frozenset({Status.UNKNOWN}),
}
"""Exactly the transitions that the statements of store/queries make: tests/integration/store/test_status_changes.py
compares the two.

- A receipt proves that the carrier has the message. It moves a delivery forward in the order of Status: from `queued`
  and `canceled` too, because a submission that was believed lost may have arrived. From `suppressed`, if an earlier
  attempt was submitted before the recipient opted out.
- A retryable failure returns the delivery to `queued` instead, also from `sent`. If the message was canceled meanwhile,
  the next claim cancels the delivery again.
- A person can send `failed`, `undelivered` and `unknown` deliveries again.
- A delivery returns from any result to `unknown` when its carrier id turns out to belong to another delivery
  (put_holders_in_doubt in store/queries/reconciliation.sql).
"""

RECEIPT_STATUSES = (Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED)
"""The statuses that a receipt can have."""


def receipt_may_move(status: Status) -> frozenset[Status]:
    """Returns the statuses from which a receipt of `status` moves a delivery. Raises ValueError for other statuses."""
    if status not in RECEIPT_STATUSES:
        raise ValueError(f"not a receipt's status: {status}")
    return frozenset(source for source, targets in TRANSITIONS.items() if status in targets)
