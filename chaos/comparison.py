"""The comparison of the carrier's ledger with the product's, row by row. Pure: a function of what was read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chaos.posts import REFUSED
from chaos.staff import Accepted
from chaos.tables import DeliveryRow, MessageRow
from sandbox.control import LedgerRow

ApiCounts = Mapping[str, int]
"""The `counts` of a message as the API tells them."""


class Wrong(StrEnum):
    """What can be wrong, the worst first."""

    LOST = "lost"
    """Accepted and not sent, though it is due to be or claims to be; or never expanded."""
    DOUBLED = "doubled"
    """Sent more than once."""
    MIXED_UP = "mixed up"
    """Sent to another address, with another text, or of no delivery that the product knows."""
    COUNTS = "counts that do not add up"
    GIVEN_UP = "given up"
    """Marked as failed though the carrier never refused the recipient for good."""
    UNKNOWN = "unknown"
    """Held, for nobody knows whether the carrier has it."""
    STATUS = "wrong status"
    """The delivery ends otherwise than at the carrier."""
    UNCOMPLETED = "not completed"
    """A message with nothing left to submit that is not marked so."""


UNFORGIVABLE = (Wrong.LOST, Wrong.DOUBLED, Wrong.MIXED_UP, Wrong.COUNTS)

_STATUS_OF = {"delivered": "delivered", "undelivered": "undelivered", "failed": "failed"}
"""Our word for the carrier's last one; before that it is `sent`."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    wrong: Wrong
    what: str

    def __str__(self) -> str:
        return f"{self.wrong}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that is compared."""

    accepted: Sequence[Accepted]
    messages: Sequence[MessageRow]
    deliveries: Sequence[DeliveryRow]
    ledger: Sequence[LedgerRow]
    api_counts: Mapping[str, ApiCounts]
    """By message id."""


def compare(evidence: Evidence) -> list[Finding]:
    """Everything that is wrong, the worst first."""
    findings = [
        *_messages(evidence),
        *_submissions(evidence),
        *_deliveries(evidence),
        *_counts(evidence),
    ]
    places = {wrong: place for place, wrong in enumerate(Wrong)}
    return sorted(findings, key=lambda finding: places[finding.wrong])


def _messages(evidence: Evidence) -> Iterator[Finding]:
    """Each accepted message is there once, expanded, with its whole audience."""
    known = {message.message_id: message for message in evidence.messages}
    audiences: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for delivery in evidence.deliveries:
        audiences[delivery.message_id][delivery.address] += 1
    for accepted in evidence.accepted:
        name = f"message {accepted.post.number} ({accepted.message_id})"
        message = known.get(accepted.message_id)
        if message is None or not message.is_expanded:
            yield Finding(wrong=Wrong.LOST, what=f"{name} {'is not there' if message is None else 'is not expanded'}")
            continue
        expected, found = Counter[str | None](accepted.post.addresses), audiences[accepted.message_id]
        for address in (expected - found).elements():
            yield Finding(wrong=Wrong.LOST, what=f"{name} has no delivery for {address}")
        for address in (found - expected).elements():
            yield Finding(wrong=Wrong.MIXED_UP, what=f"{name} has a delivery too many for {address}")
    open_ones = {d.message_id for d in evidence.deliveries if d.status in ("queued", "sending", "unknown")}
    for message in evidence.messages:
        if message.is_expanded and not message.is_completed and message.message_id not in open_ones:
            yield Finding(wrong=Wrong.UNCOMPLETED, what=f"message {message.message_id}")


def _submissions(evidence: Evidence) -> Iterator[Finding]:
    """Each message at the carrier is one delivery's, and no recipient has one text twice."""
    deliveries = {delivery.delivery_id: delivery for delivery in evidence.deliveries}
    bodies = {message.message_id: message.body for message in evidence.messages}
    texts: defaultdict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    for row in evidence.ledger:
        texts[row.body, row.to].append(row)
        delivery_id, attempt = submission_of(row)
        delivery = deliveries.get(delivery_id)
        complaint = None
        if delivery is None:
            complaint = f"is of no delivery known ({delivery_id})"
        elif delivery.address != row.to:
            complaint = f"went to {row.to}, but delivery {delivery_id} is for {delivery.address}"
        elif bodies.get(delivery.message_id) != row.body:
            complaint = f"does not say what message {delivery.message_id} says"
        elif attempt > delivery.attempts:
            complaint = f"is attempt {attempt} of delivery {delivery_id}, which counts {delivery.attempts}"
        if complaint:
            yield Finding(wrong=Wrong.MIXED_UP, what=f"{row.sid} {complaint}")
    # Bodies are different for each message: so this sees both one delivery sent twice and two deliveries of a message.
    for (body, to), rows in texts.items():
        if len(rows) > 1:
            attempts = ", ".join(
                f"{row.sid} attempt {submission_of(row)[1]} at {row.created_at:.2f}, {row.status}" for row in rows
            )
            yield Finding(
                wrong=Wrong.DOUBLED,
                what=f"{body!r} to {to}, delivery {' and '.join(_ids(rows))}: {attempts}",
            )


def _deliveries(evidence: Evidence) -> Iterator[Finding]:
    """Each delivery stands as its message stands at the carrier."""
    submissions: defaultdict[str, list[LedgerRow]] = defaultdict(list)
    for row in evidence.ledger:
        submissions[submission_of(row)[0]].append(row)
    for delivery in evidence.deliveries:
        rows = submissions[delivery.delivery_id]
        wrong = _wrong_unsubmitted(delivery) if not rows else _wrong_submitted(delivery, rows)
        if wrong:
            at_carrier = ", ".join(f"{row.sid} is {row.status}" for row in rows) or "the carrier has nothing"
            why = f" ({delivery.reason})" if delivery.reason else ""
            what = f"delivery {delivery.delivery_id} to {delivery.address} is {delivery.status}{why}; {at_carrier}"
            yield Finding(wrong=wrong, what=what)


def _wrong_unsubmitted(delivery: DeliveryRow) -> Wrong | None:
    match delivery.status:
        case "suppressed" | "canceled":
            return None
        case "unknown":
            return Wrong.UNKNOWN
        case "failed":
            return None if delivery.address in REFUSED else Wrong.GIVEN_UP
        case _:
            return Wrong.LOST


def _wrong_submitted(delivery: DeliveryRow, rows: Sequence[LedgerRow]) -> Wrong | None:
    if delivery.status == "unknown":
        return Wrong.UNKNOWN
    fits = any(delivery.status == _STATUS_OF.get(row.status, "sent") and delivery.carrier_id == row.sid for row in rows)
    return None if fits else Wrong.STATUS


def _counts(evidence: Evidence) -> Iterator[Finding]:
    """What the API tells of each accepted message is what the rows say."""
    by_message: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for delivery in evidence.deliveries:
        by_message[delivery.message_id][delivery.status] += 1
    for accepted in evidence.accepted:
        told = evidence.api_counts.get(accepted.message_id)
        found = by_message[accepted.message_id]
        name = f"message {accepted.post.number} ({accepted.message_id})"
        if told is None:
            yield Finding(wrong=Wrong.COUNTS, what=f"the API does not know {name}")
            continue
        parts = Counter({status: told[status] for status in told if status != "audience" and told[status]})
        if parts != found or parts.total() != told["audience"]:
            yield Finding(wrong=Wrong.COUNTS, what=f"{name}: the API says {dict(told)}, the rows {dict(found)}")


def submission_of(row: LedgerRow) -> tuple[str, int]:
    """Delivery id and attempt, from the callback's address; ("", 0) without one."""
    parts = (row.status_callback or "").rsplit("/", 2)
    return (parts[1], int(parts[2])) if len(parts) == 3 and parts[2].isdigit() else ("", 0)


def _ids(rows: Iterable[LedgerRow]) -> list[str]:
    return sorted({submission_of(row)[0] for row in rows})
