"""The states of a delivery (one message to one recipient) and every change between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Declared in the order of the database's enum: a later one is a delivery that came further."""

    SUPPRESSED = "suppressed"
    """Never to be submitted: opted out, no address, invalid, or a duplicate."""
    CANCELED = "canceled"
    """Stopped by the church before it was submitted."""
    QUEUED = "queued"
    """Waiting to be claimed: for the first attempt, or for the next."""
    SENDING = "sending"
    """Claimed under a lease; the carrier may or may not have it."""
    UNKNOWN = "unknown"
    """In doubt: the carrier may or may not have it, and is asked. It goes back to `queued` only once the carrier's list
    has missed it several times over minutes. Where the carrier cannot answer, a text stays here until a person
    decides, and a mail is repeated at most twice (docs/decisions, 3 and 12)."""
    SENT = "sent"
    """The carrier accepted it."""
    UNDELIVERED = "undelivered"
    """The carrier accepted it and could not deliver it."""
    FAILED = "failed"
    """The carrier refused it, it became too late to send it, or the church's daily limit was reached."""
    DELIVERED = "delivered"
    """The recipient has it."""


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
"""Every change that a statement of store/queries makes, and no other: tests/integration/store/test_status_changes.py
compares the two.

- A receipt proves that the carrier has the message. It moves a delivery forward in the order of Status: from `queued`
  and `canceled` too, because a submission that was believed lost may have arrived. From `suppressed` it moves one that
  an earlier attempt reached before the recipient opted out.
- A retryable failure goes back to `queued` instead, also from `sent`. If the message was canceled meanwhile, the next
  claim cancels the delivery again.
- A person sends `failed`, `undelivered` and `unknown` deliveries again.
- What the carrier said of a delivery gives way to `unknown` when it turns out to have been said of another delivery
  (put_holders_in_doubt in store/queries/reconciliation.sql).
"""

RECEIPT_STATUSES = (Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED)
"""What a carrier's receipt can say."""


def receipt_may_move(status: Status) -> frozenset[Status]:
    """The statuses from which a receipt saying `status` moves a delivery. Raises ValueError for other statuses."""
    if status not in RECEIPT_STATUSES:
        raise ValueError(f"not a receipt's status: {status}")
    return frozenset(source for source, targets in TRANSITIONS.items() if status in targets)
