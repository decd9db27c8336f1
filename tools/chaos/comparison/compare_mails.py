"""Compares the mails that the mail server accepted with the deliveries, by Message-ID."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tools.chaos.comparison.delivery_checks import check_submitted, check_unsubmitted, delivery_finding
from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.received_mails import ReceivedMail
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.parameters import MAIL
from tools.chaos.system.product_tables import DeliveryRow, MessageRow
from tools.chaos.workload.recipients import merged_text

MOST_COPIES = 3
"""Of one mail, with one Message-ID: a mail in doubt is sent again at most twice (docs/decisions/0012)."""


def compare_mails(snapshot: Snapshot) -> Iterator[Finding]:
    """Every difference between the mail server's ledger and the deliveries. A few copies of one mail are none."""
    copies = _copies(snapshot)
    yield from _compare_received(snapshot, copies)
    yield from _find_doubled(snapshot)
    yield from _compare_deliveries(snapshot, copies)


def count_repeated(snapshot: Snapshot) -> Counter[int]:
    """By number of copies: how many mails arrived that often, of those that arrived more than once."""
    return Counter(len(rows) for rows in _copies(snapshot).values() if len(rows) > 1)


def _copies(snapshot: Snapshot) -> dict[str, list[ReceivedMail]]:
    """By Message-ID."""
    copies: defaultdict[str, list[ReceivedMail]] = defaultdict(list)
    for row in snapshot.mails:
        copies[row.message_id].append(row)
    return dict(copies)


def _compare_received(snapshot: Snapshot, copies: dict[str, list[ReceivedMail]]) -> Iterator[Finding]:
    """Each mail belongs to one delivery and arrived no more often than allowed."""
    deliveries = {delivery.delivery_id: delivery for delivery in snapshot.deliveries}
    messages = {message.message_id: message for message in snapshot.messages}
    for message_id, rows in copies.items():
        delivery = deliveries.get(rows[0].delivery_id)
        message = None if delivery is None else messages.get(delivery.message_id)
        for mismatch in {_mismatch(row, delivery, message) for row in rows} - {None}:
            yield Finding(kind=FindingKind.MISMATCHED, text=f"mail {message_id} {mismatch}")
        if delivery is not None and len(rows) > delivery.attempts:
            text = f"mail {message_id} arrived {len(rows)} times in {delivery.attempts} attempts"
            yield Finding(kind=FindingKind.MISMATCHED, text=text)
        if len(rows) > MOST_COPIES:
            text = f"mail {message_id} to {rows[0].recipient}: {len(rows)} times"
            yield Finding(kind=FindingKind.REPEATED, text=text)


def _mismatch(row: ReceivedMail, delivery: DeliveryRow | None, message: MessageRow | None) -> str | None:
    if delivery is None or message is None:
        return "has no delivery in the tables"
    if delivery.channel != MAIL:
        return f"has the id of a delivery on {delivery.channel}"
    if not delivery.address == row.recipient == row.to:
        return f"was sent to {row.recipient} and names {row.to}, but its delivery is for {delivery.address}"
    if (merged_text(message.body, row.recipient), message.subject) != (row.body, row.subject):
        return f"has another text or subject than message {delivery.message_id} for {row.recipient}"
    return None


def _find_doubled(snapshot: Snapshot) -> Iterator[Finding]:
    """No recipient has one message as mails with different Message-IDs. Each message has a different body."""
    by_text: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in snapshot.mails:
        by_text[row.body, row.recipient].add(row.message_id)
    for (body, recipient), message_ids in by_text.items():
        if len(message_ids) > 1:
            text = f"{body!r} to {recipient}: mails {' and '.join(sorted(message_ids))}"
            yield Finding(kind=FindingKind.DOUBLED, text=text)


def _compare_deliveries(snapshot: Snapshot, copies: dict[str, list[ReceivedMail]]) -> Iterator[Finding]:
    """A delivery is `sent` if the mail server accepted its mail. That is final, because mail has no receipts."""
    by_delivery: dict[str, Sequence[ReceivedMail]] = {rows[0].delivery_id: rows for rows in copies.values()}
    for delivery in snapshot.deliveries:
        if delivery.channel != MAIL:
            continue
        rows = by_delivery.get(delivery.delivery_id, ())
        expected = {("sent", row.message_id) for row in rows}
        kind = check_submitted(delivery, expected=expected) if rows else check_unsubmitted(delivery)
        if kind:
            at_server = f"the mail server has it {len(rows)} times" if rows else "the mail server has nothing"
            yield delivery_finding(delivery, kind, at_carrier=at_server)
