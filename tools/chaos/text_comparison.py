"""Texts and picture messages: the carrier's ledger beside the deliveries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tools.chaos.evidence import Evidence
from tools.chaos.findings import Finding, Wrong
from tools.chaos.people import MAIL
from tools.chaos.standings import standing_finding, wrong_submitted, wrong_unsubmitted
from tools.chaos.tables import DeliveryRow, MessageRow
from tools.sandbox.control import LedgerRow

_STATUS_OF = {"delivered": "delivered", "undelivered": "undelivered", "failed": "failed"}
"""Our word for the carrier's last one; before that it is `sent`."""
_CLOCKS_DIFFER_SECONDS = 0.05
"""At the most, on one machine."""


def compare_texts(evidence: Evidence) -> Iterator[Finding]:
    """Everything that is wrong with what the carrier has, or has not."""
    yield from _submissions(evidence)
    yield from _deliveries(evidence)


def _submissions(evidence: Evidence) -> Iterator[Finding]:
    """Each message at the carrier is one delivery's, and no recipient has one text twice."""
    deliveries = {delivery.delivery_id: delivery for delivery in evidence.deliveries}
    messages = {message.message_id: message for message in evidence.messages}
    texts: defaultdict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    for row in evidence.ledger:
        texts[row.body, row.to].append(row)
        delivery = deliveries.get(submission_of(row)[1])
        message = None if delivery is None else messages.get(delivery.message_id)
        if complaint := _complaint(row, delivery, message):
            yield Finding(wrong=Wrong.MIXED_UP, what=f"{row.sid} {complaint}")
    # Bodies are different for each message: so this sees both one delivery sent twice and two deliveries of a message.
    for (body, to), rows in texts.items():
        if len(rows) > 1:
            attempts = ", ".join(
                f"{row.sid} attempt {submission_of(row)[2]} at {row.created_at:.2f}, {row.status}" for row in rows
            )
            yield Finding(
                wrong=Wrong.DOUBLED,
                what=f"{body!r} to {to}, delivery {' and '.join(_ids(rows))}: {attempts}",
            )


def _complaint(row: LedgerRow, delivery: DeliveryRow | None, message: MessageRow | None) -> str | None:
    channel, delivery_id, attempt = submission_of(row)
    if delivery is None or message is None:
        return f"is of no delivery known ({delivery_id})"
    if delivery.address != row.to:
        return f"went to {row.to}, but delivery {delivery_id} is for {delivery.address}"
    if delivery.channel != channel:
        return f"has the callback of {channel}, but delivery {delivery_id} is of {delivery.channel}"
    if message.body != row.body:
        return f"does not say what message {delivery.message_id} says"
    if message.pictures != row.num_media:
        return f"has {row.num_media} pictures, but message {delivery.message_id} has {message.pictures}"
    if row.created_at < message.due_at - _CLOCKS_DIFFER_SECONDS:
        return f"went out before the hour of message {delivery.message_id}"
    if attempt > delivery.attempts:
        return f"is attempt {attempt} of delivery {delivery_id}, which counts {delivery.attempts}"
    return None


def _deliveries(evidence: Evidence) -> Iterator[Finding]:
    """Each delivery stands as its message stands at the carrier."""
    submissions: defaultdict[str, list[LedgerRow]] = defaultdict(list)
    for row in evidence.ledger:
        submissions[submission_of(row)[1]].append(row)
    for delivery in evidence.deliveries:
        if delivery.channel == MAIL:
            continue
        rows = submissions[delivery.delivery_id]
        expected = {(_STATUS_OF.get(row.status, "sent"), row.sid) for row in rows}
        wrong = wrong_submitted(delivery, expected=expected) if rows else wrong_unsubmitted(delivery)
        if wrong:
            at_carrier = ", ".join(f"{row.sid} is {row.status}" for row in rows) or "the carrier has nothing"
            yield standing_finding(delivery, wrong, at_carrier=at_carrier)


def submission_of(row: LedgerRow) -> tuple[str, str, int]:
    """Channel, delivery id and attempt, from the callback's address; ("", "", 0) without one."""
    parts = (row.status_callback or "").rsplit("/", 3)
    return (parts[1], parts[2], int(parts[3])) if len(parts) == 4 and parts[3].isdigit() else ("", "", 0)


def _ids(rows: Iterable[LedgerRow]) -> list[str]:
    return sorted({submission_of(row)[1] for row in rows})
