"""The states of a delivery (one message to one recipient) and the only ways between them."""

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
    """Waiting for its turn, or for its next attempt."""
    SENDING = "sending"
    """Claimed under a lease; the carrier may or may not have it."""
    UNKNOWN = "unknown"
    """The lease ran out and nothing tells whether the carrier has it. Never sent again by itself."""
    SENT = "sent"
    """The carrier accepted it."""
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    DELIVERED = "delivered"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.SUPPRESSED: frozenset(),
    Status.CANCELED: frozenset({Status.QUEUED}),
    Status.QUEUED: frozenset({Status.SENDING, Status.SUPPRESSED, Status.CANCELED, Status.FAILED}),
    Status.SENDING: frozenset(
        {Status.QUEUED, Status.UNKNOWN, Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED}
    ),
    Status.UNKNOWN: frozenset({Status.QUEUED, Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED}),
    Status.SENT: frozenset({Status.UNDELIVERED, Status.FAILED, Status.DELIVERED, Status.UNKNOWN}),
    Status.UNDELIVERED: frozenset({Status.QUEUED, Status.FAILED, Status.DELIVERED, Status.UNKNOWN}),
    Status.FAILED: frozenset({Status.QUEUED, Status.DELIVERED, Status.UNKNOWN}),
    Status.DELIVERED: frozenset({Status.UNKNOWN}),
}
"""The state machine. From `failed`, `undelivered` and `canceled` back to `queued` only at a person's word, but for a
failure that may pass.

An ending gives way to one that came further: receipts of two attempts, or of a carrier that corrects itself, then
end the same in whatever order they come. What the carrier said of a delivery gives way to `unknown` only when it turns
out to have been said of another one (store/queries/reconciliation.sql, put_in_doubt).
"""

RECEIPT_STATUSES = (Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED)
"""What a carrier's receipt can say."""


def receipt_may_move(status: Status) -> frozenset[Status]:
    """The statuses from which a receipt saying `status` moves a delivery.

    A receipt proves that the carrier has the message. So it also moves a delivery that went back to
    `queued` because its submission was believed lost, also when it was canceled there: it must not be sent again. One
    that was suppressed there (the recipient opted out) is moved by what shows that an earlier attempt arrived.
    """
    if status not in RECEIPT_STATUSES:
        raise ValueError(f"not a receipt's status: {status}")
    proven = {source for source, targets in TRANSITIONS.items() if status in targets and source is not Status.QUEUED}
    arrives = {Status.SUPPRESSED} if status in (Status.SENT, Status.DELIVERED) else set[Status]()
    return frozenset(proven | {Status.QUEUED, Status.CANCELED} | arrives)
