"""Checks that nobody is written to after their STOP was answered, and that nobody else is left out. Pure.

The log of claims (tools/chaos/system/consent_tables.py) says when the transaction of each claim began. An opt-out is
committed before it is answered, so a claim whose transaction began after the answer has seen it. What was claimed
before may be on its way: it arrives within the lease. In the same way, who is opted in is not suppressed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tools.chaos.comparison.compare_texts import submission_of
from tools.chaos.comparison.consent_periods import Consent, ConsentHistory, consent_history
from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.parameters import MAIL
from tools.chaos.system.consent_tables import DecisionRow
from tools.chaos.system.environment import LEASE_SECONDS
from tools.chaos.system.product_tables import CONFIRMATION, DeliveryRow
from tools.chaos.workload.writers import WrittenText

_CLOCK_TOLERANCE_SECONDS = 0.05
"""The most by which the clocks of two processes on one machine differ."""
_NO_HISTORY = ConsentHistory(changes=(), events=())


def compare_opt_outs(snapshot: Snapshot) -> Iterator[Finding]:
    """Every text to somebody who was opted out, and every text that somebody who was opted in did not get."""
    histories = {person: consent_history(texts) for person, texts in texts_by_person(snapshot).items()}
    stored = {message.message_id for message in snapshot.messages}  # compare_texts reports the others
    concerned = {
        each.delivery_id: each for each in snapshot.deliveries if each.channel != MAIL and each.message_id in stored
    }
    yield from _compare_decisions(snapshot, concerned, histories)
    yield from _compare_arrivals(snapshot, concerned, histories)
    yield from _find_unlogged(snapshot, concerned)


def texts_by_person(snapshot: Snapshot) -> Mapping[tuple[str, str], Sequence[WrittenText]]:
    """What each person wrote, by church id and phone number."""
    texts: defaultdict[tuple[str, str], list[WrittenText]] = defaultdict(list)
    for text in snapshot.written:
        texts[snapshot.churches[text.church].church_id, text.phone].append(text)
    return texts


def _compare_decisions(
    snapshot: Snapshot, deliveries: Mapping[str, DeliveryRow], histories: Mapping[tuple[str, str], ConsentHistory]
) -> Iterator[Finding]:
    church_of = {message.message_id: message.church_id for message in snapshot.messages}
    confirmations = _confirmations(snapshot)
    for decision in snapshot.decisions:
        delivery = deliveries.get(decision.delivery_id)
        if delivery is None:
            continue
        person = (church_of[delivery.message_id], delivery.address or "")
        consent = histories.get(person, _NO_HISTORY).during(decision.began_at, decision.decided_at)
        is_confirmation = delivery.message_id in confirmations
        if decision.status == "sending" and consent is Consent.OPTED_OUT and not is_confirmation:
            text = f"{_name(delivery, decision)} was claimed at {decision.began_at:.2f}, after the STOP was answered"
            yield Finding(kind=FindingKind.OPTED_OUT, text=text)
        elif decision.status == "suppressed" and (consent is Consent.OPTED_IN or is_confirmation):
            reason = f"suppressed at {decision.decided_at:.2f}: {delivery.reason}"
            yield Finding(kind=FindingKind.LOST, text=f"{_name(delivery, decision)} was wrongly {reason}")


def _compare_arrivals(
    snapshot: Snapshot, deliveries: Mapping[str, DeliveryRow], histories: Mapping[tuple[str, str], ConsentHistory]
) -> Iterator[Finding]:
    """What the carrier has later than a lease after the answer was submitted too late, whenever it was claimed."""
    church_of = {message.message_id: message.church_id for message in snapshot.messages}
    confirmations = _confirmations(snapshot)
    for row in snapshot.ledger:
        delivery = deliveries.get(submission_of(row)[1])
        if delivery is None or delivery.message_id in confirmations:
            continue  # the former is reported by compare_texts
        history = histories.get((church_of[delivery.message_id], row.to), _NO_HISTORY)
        claimed_since = row.created_at - LEASE_SECONDS - _CLOCK_TOLERANCE_SECONDS
        if history.during(claimed_since, row.created_at) is Consent.OPTED_OUT:
            text = (
                f"{row.sid} to {row.to} arrived at {row.created_at:.2f}, a lease and more after the STOP was answered"
            )
            yield Finding(kind=FindingKind.OPTED_OUT, text=text)


def _find_unlogged(snapshot: Snapshot, deliveries: Mapping[str, DeliveryRow]) -> Iterator[Finding]:
    """The log is whole: each attempt at the carrier was claimed, each suppressed delivery was suppressed in it."""
    logged = {(each.delivery_id, each.attempt, each.status) for each in snapshot.decisions}
    for row in snapshot.ledger:
        _, delivery_id, attempt = submission_of(row)
        if delivery_id in deliveries and (delivery_id, attempt, "sending") not in logged:
            text = f"{row.sid} is attempt {attempt} of delivery {delivery_id}, which was not claimed for it"
            yield Finding(kind=FindingKind.MISMATCHED, text=text)
    for delivery in deliveries.values():
        if delivery.status == "suppressed" and (delivery.delivery_id, delivery.attempts, "suppressed") not in logged:
            text = f"delivery {delivery.delivery_id} is suppressed, but the log of claims does not say so"
            yield Finding(kind=FindingKind.MISMATCHED, text=text)


def _confirmations(snapshot: Snapshot) -> frozenset[str]:
    """The ids of the messages that people get although they opted out."""
    return frozenset(message.message_id for message in snapshot.messages if message.kind == CONFIRMATION)


def _name(delivery: DeliveryRow, decision: DecisionRow) -> str:
    return f"attempt {decision.attempt} of delivery {delivery.delivery_id} to {delivery.address}"
