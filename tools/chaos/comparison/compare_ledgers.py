"""Compares the product's tables with the carrier's ledger and the mail server's, row by row. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tools.chaos.comparison.compare_inbound import compare_inbound
from tools.chaos.comparison.compare_mails import compare_mails
from tools.chaos.comparison.compare_opt_outs import compare_opt_outs
from tools.chaos.comparison.compare_paces import compare_paces
from tools.chaos.comparison.compare_schedules import compare_schedules
from tools.chaos.comparison.compare_texts import compare_texts
from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.product_tables import MessageRow
from tools.chaos.workload.api_clients import AcceptedMessage
from tools.chaos.workload.planned_messages import PlannedMessage


def compare_ledgers(snapshot: Snapshot) -> list[Finding]:
    """Every difference, the worst first."""
    findings = [
        *_compare_messages(snapshot),
        *compare_texts(snapshot),
        *compare_mails(snapshot),
        *compare_opt_outs(snapshot),
        *compare_inbound(snapshot),
        *compare_schedules(snapshot),
        *compare_paces(snapshot),
        *_compare_counts(snapshot),
    ]
    places = {kind: place for place, kind in enumerate(FindingKind)}
    return sorted(findings, key=lambda finding: places[finding.kind])


def _compare_messages(snapshot: Snapshot) -> Iterator[Finding]:
    """Each accepted message is stored once, as requested, and expanded to its whole audience."""
    stored = {message.message_id: message for message in snapshot.messages}
    audiences: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for delivery in snapshot.deliveries:
        audiences[delivery.message_id][delivery.address] += 1
    for accepted in snapshot.accepted:
        name = _name(accepted)
        message = stored.get(accepted.message_id)
        if message is None or not message.is_expanded:
            problem = "is not stored" if message is None else "is not expanded"
            yield Finding(kind=FindingKind.LOST, text=f"{name} {problem}")
            continue
        if not _is_as_requested(message, accepted.planned):
            yield Finding(kind=FindingKind.MISMATCHED, text=f"{name} is not stored as it was requested")
        expected, found = Counter[str | None](accepted.planned.addresses), audiences[accepted.message_id]
        for address in (expected - found).elements():
            yield Finding(kind=FindingKind.LOST, text=f"{name} has no delivery for {address}")
        for address in (found - expected).elements():
            yield Finding(kind=FindingKind.MISMATCHED, text=f"{name} has a delivery too many for {address}")
    unfinished = {each.message_id for each in snapshot.deliveries if each.status in ("queued", "sending", "unknown")}
    for message in snapshot.messages:
        if message.is_expanded and not message.is_completed and message.message_id not in unfinished:
            yield Finding(kind=FindingKind.UNCOMPLETED, text=f"message {message.message_id}")


def _name(accepted: AcceptedMessage) -> str:
    return f"{accepted.planned.body!r} ({accepted.message_id})"


def _is_as_requested(message: MessageRow, planned: PlannedMessage) -> bool:
    stored = (message.channel, message.body, message.subject, message.pictures)
    return stored == (planned.channel, planned.body, planned.subject, planned.pictures)


def _compare_counts(snapshot: Snapshot) -> Iterator[Finding]:
    """The counts that the API returns for each accepted message are those of its deliveries."""
    by_message: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for delivery in snapshot.deliveries:
        by_message[delivery.message_id][delivery.status] += 1
    for accepted in snapshot.accepted:
        returned = snapshot.api_counts.get(accepted.message_id)
        expected = by_message[accepted.message_id]
        name = _name(accepted)
        if returned is None:
            yield Finding(kind=FindingKind.MISCOUNTED, text=f"the API does not return {name}")
            continue
        by_status = Counter({status: count for status, count in returned.items() if status != "audience" and count})
        if by_status != expected or by_status.total() != returned["audience"]:
            text = f"{name}: the API returns {dict(returned)}, the tables have {dict(expected)}"
            yield Finding(kind=FindingKind.MISCOUNTED, text=text)
