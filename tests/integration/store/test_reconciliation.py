"""Deliveries in doubt: look-ups, their results, and people's decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid4

import pytest

from messaging.reconciliation import ReconciliationPolicy
from messaging.states import Status
from messaging.submissions import Envelope
from store import reconciliation
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers, together

POLICY = ReconciliationPolicy(reads=3, period_seconds=300.0)


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def in_doubt(ledger: Ledger, church_id: UUID, addresses: list[str]) -> tuple[Message, list[Envelope]]:
    """A completed message with all deliveries in doubt."""
    message = ledger.send(church_id, addresses)
    envelopes = ledger.claim(church_id).envelopes
    ledger.record(
        [
            DeliveryUpdate(delivery_id=each.delivery_id, attempt=each.attempt, status=Status.UNKNOWN, delay_seconds=0.0)
            for each in envelopes
        ]
    )
    ledger.complete(church_id)
    return message, envelopes


def age(ledger: Ledger, seconds: float) -> None:
    ledger.query("UPDATE deliveries SET updated_at = now() - %(age)s", age=timedelta(seconds=seconds))


def record_missing(ledger: Ledger, *missing: tuple[UUID, int]) -> int:
    with system_scope(ledger.database) as connection:
        return reconciliation.record_missing(connection, missing, policy=POLICY, pause_seconds=100.0)


def claim(ledger: Ledger, *, limit: int = 100, hold_seconds: float = 60.0) -> list[UUID]:
    with system_scope(ledger.database) as connection:
        claimed = reconciliation.claim_in_doubt(connection, channel="sms", limit=limit, hold_seconds=hold_seconds)
    return [each.delivery_id for each in claimed]


@pytest.mark.parametrize(
    ("reads", "age_seconds", "queued"),
    [(1, 1e6, False), (2, 1e6, False), (3, 1e6, True), (3, 310, True), (3, 290, False), (9, 0, False), (9, 310, True)],
)
def test_a_delivery_is_queued_again_after_enough_look_ups_over_enough_time(
    ledger: Ledger, church_id: UUID, reads: int, age_seconds: float, queued: bool
) -> None:
    message, [envelope] = in_doubt(ledger, church_id, numbers(1))
    for _ in range(reads - 1):
        age(ledger, 0)
        assert record_missing(ledger, (envelope.delivery_id, 1)) == 0
    age(ledger, age_seconds)

    assert record_missing(ledger, (envelope.delivery_id, 1)) == queued

    assert ledger.counts(message) == {Status.QUEUED if queued else Status.UNKNOWN: 1}
    [(completed,)] = ledger.query("SELECT completed_at IS NOT NULL FROM messages")
    assert completed is not queued, "a message with a queued delivery is not completed"
    assert ledger.claim(church_id).taken == queued


def test_a_delivery_that_was_not_found_is_looked_up_again_after_a_pause(ledger: Ledger, church_id: UUID) -> None:
    _, [envelope] = in_doubt(ledger, church_id, numbers(1))

    record_missing(ledger, (envelope.delivery_id, 1))

    assert claim(ledger) == []
    ledger.query("UPDATE deliveries SET due_at = due_at - interval '101 seconds'")
    assert claim(ledger) == [envelope.delivery_id]


def test_look_ups_of_an_earlier_attempt_do_not_count_for_the_next(ledger: Ledger, church_id: UUID) -> None:
    _, [envelope] = in_doubt(ledger, church_id, numbers(1))
    for _ in range(3):
        age(ledger, 310)
        record_missing(ledger, (envelope.delivery_id, 1))
    [again] = ledger.claim(church_id).envelopes
    ledger.record([DeliveryUpdate(delivery_id=again.delivery_id, attempt=again.attempt, status=Status.UNKNOWN)])
    age(ledger, 310)

    assert record_missing(ledger, (envelope.delivery_id, 1)) == 0
    assert ledger.query("SELECT missed_reads FROM deliveries") == [(0,)]
    assert record_missing(ledger, (again.delivery_id, again.attempt)) == 0
    assert ledger.query("SELECT missed_reads FROM deliveries") == [(1,)]


def test_a_delivery_that_is_not_in_doubt_is_not_changed(ledger: Ledger, church_id: UUID) -> None:
    statuses = [status for status in Status if status is not Status.UNKNOWN]
    _, envelopes = in_doubt(ledger, church_id, numbers(len(statuses)))
    for envelope, status in zip(envelopes, statuses, strict=True):
        ledger.set_status(envelope.delivery_id, status)
    age(ledger, 1e6)

    for _ in range(4):
        record_missing(ledger, *[(envelope.delivery_id, 1) for envelope in envelopes])
    with system_scope(ledger.database) as connection:
        found = [(envelope.delivery_id, 1, f"SM{envelope.delivery_id}") for envelope in envelopes]
        reconciliation.record_found(connection, found)

    assert [ledger.get(envelope.delivery_id).status for envelope in envelopes] == statuses


def test_a_delivery_that_was_found_is_sent_with_the_carrier_id(ledger: Ledger, church_id: UUID) -> None:
    message, found = in_doubt(ledger, church_id, numbers(3))
    old = found[2].delivery_id, 7, "SM-of-another-attempt"

    with system_scope(ledger.database) as connection:
        reconciliation.record_found(
            connection, [(each.delivery_id, 1, f"SM{n}") for n, each in enumerate(found[:2])] + [old]
        )

    assert ledger.counts(message) == {Status.SENT: 2, Status.UNKNOWN: 1}
    assert [ledger.get(each.delivery_id).carrier_id for each in found] == ["SM0", "SM1", None]


def test_a_claimed_delivery_is_not_claimed_again_until_the_hold_expires(ledger: Ledger, church_id: UUID) -> None:
    _, found = in_doubt(ledger, church_id, numbers(3))

    assert sorted(claim(ledger, limit=2) + claim(ledger, limit=2)) == sorted(each.delivery_id for each in found)
    assert claim(ledger) == []

    ledger.query("UPDATE deliveries SET due_at = due_at - interval '61 seconds'")
    assert len(claim(ledger)) == 3


def test_concurrent_claims_take_each_delivery_in_doubt_once(ledger: Ledger, church_id: UUID) -> None:
    in_doubt(ledger, church_id, numbers(400))

    def claim_all(_: int) -> list[UUID]:
        mine: list[UUID] = []
        while now := claim(ledger, limit=20):
            mine += now
        return mine

    taken = [delivery for mine in together(4, claim_all) for delivery in mine]

    assert len(taken) == len(set(taken)) == 400


@pytest.mark.parametrize(
    ("status", "expected"), [("sent", ("delivered", 1)), ("failed", ("delivered", 1)), ("queued", ("delivered", 2))]
)
def test_a_later_receipt_corrects_a_persons_decision(
    ledger: Ledger, church_id: UUID, status: Literal["sent", "failed", "queued"], expected: tuple[str, int]
) -> None:
    """After `queued` a new attempt has begun, so only `delivered` of the old one counts."""
    message, [envelope] = in_doubt(ledger, church_id, numbers(1))
    names = {"church_id": church_id, "message_id": message.message_id, "delivery_id": envelope.delivery_id}
    with system_scope(ledger.database) as connection:
        assert reconciliation.resolve(connection, **names, status=status) is True
        assert reconciliation.resolve(connection, **names, status="queued") is False
        assert reconciliation.resolve(connection, **{**names, "delivery_id": uuid4()}, status="queued") is None

    ledger.receive(envelope.delivery_id, Status.DELIVERED, carrier_id="SM1")
    late = DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.FAILED)
    assert (ledger.apply(), ledger.record([late]), record_missing(ledger, (envelope.delivery_id, 1))) == (1, 0, 0)

    delivery = ledger.get(envelope.delivery_id)
    assert (delivery.status, delivery.attempts) == expected
