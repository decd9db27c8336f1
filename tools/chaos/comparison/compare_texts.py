"""Compares texts and picture messages in the carrier's ledger with the deliveries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tools.chaos.comparison.delivery_checks import check_submitted, check_unsubmitted, delivery_finding
from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.parameters import MAIL
from tools.chaos.system.product_tables import DeliveryRow, MessageRow
from tools.chaos.workload.recipients import merged_text
from tools.sandbox.control import LedgerRow

_FINAL_STATUSES = {"delivered": "delivered", "undelivered": "undelivered", "failed": "failed"}
"""Our status for each final status of the carrier; for any other it is `sent`."""
_CLOCK_TOLERANCE_SECONDS = 0.05
"""The most by which the clocks of two processes on one machine differ."""


def compare_texts(snapshot: Snapshot) -> Iterator[Finding]:
    """Every difference between the carrier's ledger and the deliveries."""
    yield from _compare_submissions(snapshot)
    yield from _compare_deliveries(snapshot)


def _compare_submissions(snapshot: Snapshot) -> Iterator[Finding]:
    """Each message at the carrier belongs to one delivery, and no recipient has one text twice."""
    deliveries = {delivery.delivery_id: delivery for delivery in snapshot.deliveries}
    messages = {message.message_id: message for message in snapshot.messages}
    by_text: defaultdict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    for row in snapshot.ledger:
        by_text[row.body, row.to].append(row)
        delivery = deliveries.get(submission_of(row)[1])
        message = None if delivery is None else messages.get(delivery.message_id)
        if mismatch := _mismatch(row, delivery, message):
            yield Finding(kind=FindingKind.MISMATCHED, text=f"{row.sid} {mismatch}")
    # Each message has a different body, and nobody gets an answer twice on one day. So this finds both one delivery
    # sent twice and two deliveries of one message.
    for (body, to), rows in by_text.items():
        if len(rows) > 1:
            attempts = ", ".join(
                f"{row.sid} attempt {submission_of(row)[2]} at {row.created_at:.2f}, {row.status}" for row in rows
            )
            yield Finding(
                kind=FindingKind.DOUBLED,
                text=f"{body!r} to {to}, delivery {' and '.join(_delivery_ids(rows))}: {attempts}",
            )


def _mismatch(row: LedgerRow, delivery: DeliveryRow | None, message: MessageRow | None) -> str | None:
    channel, delivery_id, attempt = submission_of(row)
    if delivery is None or message is None:
        return f"has no delivery in the tables ({delivery_id})"
    if delivery.address != row.to:
        return f"was sent to {row.to}, but delivery {delivery_id} is for {delivery.address}"
    if delivery.channel != channel:
        return f"has the callback URL of {channel}, but delivery {delivery_id} is on {delivery.channel}"
    if merged_text(message.body, row.to) != row.body:
        return f"has another text than message {delivery.message_id} for {row.to}"
    if message.pictures != row.num_media:
        return f"has {row.num_media} pictures, but message {delivery.message_id} has {message.pictures}"
    if row.created_at < message.due_at - _CLOCK_TOLERANCE_SECONDS:
        return f"was sent before message {delivery.message_id} was due"
    if attempt > delivery.attempts:
        return f"is attempt {attempt} of delivery {delivery_id}, which has only {delivery.attempts}"
    return None


def _compare_deliveries(snapshot: Snapshot) -> Iterator[Finding]:
    """Each delivery has the status that its message has at the carrier."""
    submissions: defaultdict[str, list[LedgerRow]] = defaultdict(list)
    for row in snapshot.ledger:
        submissions[submission_of(row)[1]].append(row)
    for delivery in snapshot.deliveries:
        if delivery.channel == MAIL:
            continue
        rows = submissions[delivery.delivery_id]
        expected = {(_FINAL_STATUSES.get(row.status, "sent"), row.sid) for row in rows}
        kind = check_submitted(delivery, expected=expected) if rows else check_unsubmitted(delivery)
        if kind:
            at_carrier = ", ".join(f"{row.sid} is {row.status}" for row in rows) or "the carrier has nothing"
            yield delivery_finding(delivery, kind, at_carrier=at_carrier)


def submission_of(row: LedgerRow) -> tuple[str, str, int]:
    """Channel, delivery id and attempt, from the callback URL; ("", "", 0) without one."""
    parts = (row.status_callback or "").rsplit("/", 3)
    return (parts[1], parts[2], int(parts[3])) if len(parts) == 4 and parts[3].isdigit() else ("", "", 0)


def _delivery_ids(rows: Iterable[LedgerRow]) -> list[str]:
    return sorted({submission_of(row)[1] for row in rows})
