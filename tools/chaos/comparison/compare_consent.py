"""Checks that STOP and START are obeyed, from the times at which they were answered and the carrier's ledger. Pure.

What was claimed before STOP arrives at the carrier within its lease, or not at all (compare_paces.py). So nothing may
arrive from one lease after the answer to STOP until START was written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from tools.chaos.comparison.compare_texts import submission_of
from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.parameters import MAIL
from tools.chaos.system.environment import LEASE_SECONDS
from tools.chaos.workload.keyword_writers import WrittenKeyword

_TOLERANCE_SECONDS = 0.5
CONFIRMATION = "confirmation"

Person = tuple[str, str]
"""A church and a phone number."""


@dataclass(frozen=True, kw_only=True)
class _Consent:
    """What a person wrote to a church: STOP, and perhaps START later."""

    stop: WrittenKeyword
    start: WrittenKeyword | None

    @property
    def silent_from(self) -> float:
        return self.stop.answered_at + LEASE_SECONDS + _TOLERANCE_SECONDS

    @property
    def silent_until(self) -> float:
        return self.start.began_at if self.start else inf


def compare_consent(snapshot: Snapshot) -> Iterator[Finding]:
    """Every text after STOP, every keyword that was lost, every confirmation too many, everybody forgotten."""
    consents = dict(_consents(snapshot))
    yield from _unwanted(snapshot, consents)
    yield from _lost_keywords(snapshot, consents)
    yield from _forgotten(snapshot, consents)


def _consents(snapshot: Snapshot) -> Iterator[tuple[Person, _Consent]]:
    written = {(each.church_id, each.phone, each.is_stop): each for each in snapshot.written}
    for (church_id, phone, is_stop), keyword in written.items():
        if is_stop:
            yield (church_id, phone), _Consent(stop=keyword, start=written.get((church_id, phone, False)))


def _unwanted(snapshot: Snapshot, consents: dict[Person, _Consent]) -> Iterator[Finding]:
    messages = {message.message_id: message for message in snapshot.messages}
    deliveries = {delivery.delivery_id: delivery for delivery in snapshot.deliveries}
    confirmations = Counter[Person]()
    for row in snapshot.ledger:
        delivery = deliveries.get(submission_of(row)[1])
        message = messages.get(delivery.message_id) if delivery else None
        if message is None:
            continue  # another check reports it
        person = message.church_id, row.to
        if message.kind == CONFIRMATION:
            confirmations[person] += 1
            continue
        consent = consents.get(person)
        if consent and consent.silent_from < row.created_at < consent.silent_until:
            after = row.created_at - consent.stop.answered_at
            yield Finding(
                kind=FindingKind.UNWANTED,
                text=f"{row.sid} of message {message.message_id} went to {row.to} {after:.1f} s after STOP",
            )
    for person, count in confirmations.items():
        consent = consents.get(person)
        allowed = 0 if consent is None else 1 if consent.start is None else 2
        if count > allowed:
            yield Finding(
                kind=FindingKind.UNWANTED, text=f"{person[1]} got {count} confirmations for {allowed} keywords"
            )


def _lost_keywords(snapshot: Snapshot, consents: dict[Person, _Consent]) -> Iterator[Finding]:
    for person, consent in consents.items():
        is_opted_out = person in snapshot.opted_out
        if is_opted_out != (consent.start is None):
            lost = "STOP" if consent.start is None else "START"
            yield Finding(kind=FindingKind.LOST, text=f"{lost} of {person[1]} to church {person[0]} has no effect")


def _forgotten(snapshot: Snapshot, consents: dict[Person, _Consent]) -> Iterator[Finding]:
    """Who did not write STOP is not suppressed, nor is who wrote START for messages that were due later."""
    messages = {message.message_id: message for message in snapshot.messages}
    suppressed: defaultdict[Person, list[str]] = defaultdict(list)
    for delivery in snapshot.deliveries:
        opted_out = delivery.status == "suppressed" and delivery.reason == "opted out"
        if opted_out and delivery.channel != MAIL and delivery.address is not None:
            suppressed[messages[delivery.message_id].church_id, delivery.address].append(delivery.message_id)
    for person, message_ids in suppressed.items():
        consent = consents.get(person)
        since = -inf if consent is None else inf if consent.start is None else consent.start.answered_at
        for message_id in message_ids:
            if messages[message_id].due_at > since:
                yield Finding(
                    kind=FindingKind.LOST, text=f"message {message_id} was suppressed for {person[1]}, who wants it"
                )
