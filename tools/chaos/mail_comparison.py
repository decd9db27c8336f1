"""Mail: what the mail server took beside the deliveries, by Message-ID."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tools.chaos.evidence import Evidence
from tools.chaos.findings import Finding, Wrong
from tools.chaos.mailbox import MailRow
from tools.chaos.people import MAIL
from tools.chaos.standings import standing_finding, wrong_submitted, wrong_unsubmitted
from tools.chaos.tables import DeliveryRow, MessageRow

MOST_COPIES = 3
"""Of one mail, all with one Message-ID: what is in doubt is sent again, twice at the most (docs/decisions/0012)."""


def compare_mails(evidence: Evidence) -> Iterator[Finding]:
    """Everything that is wrong with what the mail server has, or has not. A mail that came twice as one is not."""
    copies = _copies(evidence)
    yield from _mails(evidence, copies)
    yield from _doubles(evidence)
    yield from _deliveries(evidence, copies)


def count_repeated(evidence: Evidence) -> Counter[int]:
    """How many mails came as so many copies, of those that came more than once."""
    return Counter(len(rows) for rows in _copies(evidence).values() if len(rows) > 1)


def _copies(evidence: Evidence) -> dict[str, list[MailRow]]:
    """By Message-ID."""
    copies: defaultdict[str, list[MailRow]] = defaultdict(list)
    for row in evidence.mails:
        copies[row.message_id].append(row)
    return dict(copies)


def _mails(evidence: Evidence, copies: dict[str, list[MailRow]]) -> Iterator[Finding]:
    """Each mail is one delivery's, and came no more often than it may."""
    deliveries = {delivery.delivery_id: delivery for delivery in evidence.deliveries}
    messages = {message.message_id: message for message in evidence.messages}
    for message_id, rows in copies.items():
        delivery = deliveries.get(rows[0].delivery_id)
        message = None if delivery is None else messages.get(delivery.message_id)
        for complaint in {_complaint(row, delivery, message) for row in rows} - {None}:
            yield Finding(wrong=Wrong.MIXED_UP, what=f"mail {message_id} {complaint}")
        if delivery is not None and len(rows) > delivery.attempts:
            what = f"mail {message_id} came {len(rows)} times, in {delivery.attempts} attempts"
            yield Finding(wrong=Wrong.MIXED_UP, what=what)
        if len(rows) > MOST_COPIES:
            yield Finding(wrong=Wrong.TOO_OFTEN, what=f"mail {message_id} to {rows[0].recipient}: {len(rows)} times")


def _complaint(row: MailRow, delivery: DeliveryRow | None, message: MessageRow | None) -> str | None:
    if delivery is None or message is None:
        return "is of no delivery known"
    if delivery.channel != MAIL:
        return f"is of a delivery of {delivery.channel}"
    if not delivery.address == row.recipient == row.to:
        return f"went to {row.recipient} and names {row.to}, but its delivery is for {delivery.address}"
    if (message.body, message.subject) != (row.body, row.subject):
        return f"does not say what message {delivery.message_id} says"
    return None


def _doubles(evidence: Evidence) -> Iterator[Finding]:
    """Nobody has one message as two mails. What it says is different for each message."""
    mails: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in evidence.mails:
        mails[row.body, row.recipient].add(row.message_id)
    for (body, recipient), message_ids in mails.items():
        if len(message_ids) > 1:
            what = f"{body!r} to {recipient}: mails {' and '.join(sorted(message_ids))}"
            yield Finding(wrong=Wrong.DOUBLED, what=what)


def _deliveries(evidence: Evidence, copies: dict[str, list[MailRow]]) -> Iterator[Finding]:
    """Each delivery stands as its mail does: taken is sent, and there is nothing to hear of it any more."""
    by_delivery: dict[str, Sequence[MailRow]] = {rows[0].delivery_id: rows for rows in copies.values()}
    for delivery in evidence.deliveries:
        if delivery.channel != MAIL:
            continue
        rows = by_delivery.get(delivery.delivery_id, ())
        expected = {("sent", row.message_id) for row in rows}
        wrong = wrong_submitted(delivery, expected=expected) if rows else wrong_unsubmitted(delivery)
        if wrong:
            at_server = f"the mail server has it {len(rows)} times" if rows else "the mail server has nothing"
            yield standing_finding(delivery, wrong, at_carrier=at_server)
