"""Concurrent writers of deliveries: no deadlocks, no lost receipts, and counts that always add up."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event
from uuid import UUID

from messaging.states import Status
from messaging.submissions import Envelope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers, together

AUDIENCE = 2000


def slices(items: list[Envelope], size: int) -> list[list[Envelope]]:
    shuffled = random.sample(items, len(items))
    return [shuffled[start : start + size] for start in range(0, len(shuffled), size)]


def record(ledger: Ledger, envelopes: list[Envelope], status: Status = Status.SENT) -> None:
    ledger.record(
        [
            DeliveryUpdate(
                delivery_id=each.delivery_id, attempt=each.attempt, status=status, carrier_id=f"SM{each.delivery_id}"
            )
            for each in envelopes
        ]
    )


def store_receipts(ledger: Ledger, envelopes: list[Envelope]) -> None:
    """Stores the receipts of these deliveries, as a burst of callbacks does."""
    for status in (Status.SENT, Status.DELIVERED):
        ledger.query(
            "INSERT INTO receipts (delivery_id, attempt, carrier_id, status) "
            "SELECT id, 1, 'SM' || id, %(status)s::delivery_status FROM unnest(%(ids)s::uuid[]) AS listed (id) "
            "ORDER BY id ON CONFLICT DO NOTHING",
            ids=[each.delivery_id for each in envelopes],
            status=status.value,
        )


def test_concurrent_writers_of_the_same_deliveries_do_not_deadlock_and_lose_no_receipt(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.send(church_id, numbers(AUDIENCE))
    envelopes = ledger.claim(church_id, limit=AUDIENCE, lease_seconds=0.2).envelopes
    done = Event()

    def recorder() -> None:
        for part in slices(envelopes, 250):
            record(ledger, part)

    def receiver() -> None:
        for part in slices(envelopes, 400):
            store_receipts(ledger, part)
            ledger.apply(limit=300)

    def until_done(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            while not done.is_set():
                work()

        return run

    def last() -> None:
        try:
            for _ in range(3):
                recorder()
        finally:
            done.set()

    writers = [recorder, last, receiver, receiver, until_done(ledger.apply), until_done(ledger.expire_leases)]
    writers += [until_done(ledger.complete), until_done(lambda: ledger.complete(church_id))]
    together(len(writers), lambda number: writers[number]())
    while ledger.apply():
        pass

    assert ledger.counts(message) == {Status.DELIVERED: AUDIENCE}


def test_the_counts_add_up_to_the_audience_at_any_time(ledger: Ledger) -> None:
    church_id = ledger.church()
    opted_out = numbers(AUDIENCE)[: AUDIENCE // 10]
    message = ledger.send(church_id, numbers(AUDIENCE))
    for address in opted_out[:50]:
        ledger.opt_out(church_id, address)
    sending = 3
    ended: list[int] = []

    def send(_: int) -> None:
        try:
            while (claim := ledger.claim(church_id, limit=100)).taken:
                half = len(claim.envelopes) // 2
                store_receipts(ledger, claim.envelopes[:half])
                ledger.apply()
                record(ledger, claim.envelopes[half:])
        finally:
            ended.append(1)

    def watch() -> list[dict[Status, int]]:
        seen: list[dict[Status, int]] = []
        while len(ended) < sending:
            seen.append(ledger.counts(message))
        return seen

    seen = together(sending + 1, lambda number: watch() if number == sending else send(number))[sending]

    assert seen
    assert {sum(counts.values()) for counts in seen} == {AUDIENCE}
    assert ledger.counts(message)[Status.SUPPRESSED] == 50


def test_a_message_is_completed_once_when_nothing_is_left_to_submit(ledger: Ledger) -> None:
    church_id = ledger.church()
    left = {status: ledger.send(church_id, numbers(1)).message_id for status in Status}
    for status, message_id in left.items():
        [(delivery_id,)] = ledger.query("SELECT delivery_id FROM deliveries WHERE message_id = %(id)s", id=message_id)
        ledger.set_status(delivery_id, status)
    ledger.compose(church_id)  # not expanded yet

    assert sum(together(4, lambda _: ledger.complete())) == len(Status) - 2

    still_open: set[UUID] = {
        message_id for (message_id,) in ledger.query("SELECT message_id FROM messages WHERE completed_at IS NULL")
    }
    assert still_open >= {left[Status.QUEUED], left[Status.SENDING]}
    assert len(still_open) == 3


def test_completing_the_messages_of_one_church_leaves_those_of_others(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    for each in (church_id, other):
        ledger.send(each, [])

    assert ledger.complete(church_id) == 1
    assert ledger.complete() == 1


def test_a_delivery_whose_lease_expired_becomes_unknown_and_is_not_claimed(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.send(church_id, numbers(3))
    ledger.claim(church_id, limit=1, lease_seconds=0)
    ledger.claim(church_id, limit=1, lease_seconds=60)

    assert sum(together(4, lambda _: ledger.expire_leases())) == 1

    assert ledger.counts(message) == {Status.UNKNOWN: 1, Status.SENDING: 1, Status.QUEUED: 1}
    assert ledger.claim(church_id).taken == 1
    assert ledger.query("SELECT reason FROM deliveries WHERE status = 'unknown'") == [("the worker went silent",)]
