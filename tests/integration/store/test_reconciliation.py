"""A doubt is looked into by one at a time, and ends by proof, by patience, or by a person."""

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


def doubtful(ledger: Ledger, church_id: UUID, addresses: list[str]) -> tuple[Message, list[Envelope]]:
    """A completed message of whose deliveries nobody knows anything."""
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


def miss(ledger: Ledger, *missing: tuple[UUID, int]) -> int:
    with system_scope(ledger.database) as connection:
        return reconciliation.record_missing(connection, missing, policy=POLICY, pause_seconds=100.0)


def take(ledger: Ledger, *, limit: int = 100, hold_seconds: float = 60.0) -> list[UUID]:
    with system_scope(ledger.database) as connection:
        taken = reconciliation.claim_in_doubt(connection, channel="sms", limit=limit, hold_seconds=hold_seconds)
    return [suspect.delivery_id for suspect in taken]


@pytest.mark.parametrize(
    ("reads", "age_seconds", "queued"),
    [(1, 1e6, False), (2, 1e6, False), (3, 1e6, True), (3, 310, True), (3, 290, False), (9, 0, False), (9, 310, True)],
)
def test_it_takes_enough_readings_and_enough_time_to_send_again(
    ledger: Ledger, church_id: UUID, reads: int, age_seconds: float, queued: bool
) -> None:
    message, [suspect] = doubtful(ledger, church_id, numbers(1))
    for _ in range(reads - 1):
        age(ledger, 0)
        assert miss(ledger, (suspect.delivery_id, 1)) == 0
    age(ledger, age_seconds)

    assert miss(ledger, (suspect.delivery_id, 1)) == queued

    assert ledger.counts(message) == {Status.QUEUED if queued else Status.UNKNOWN: 1}
    [(completed,)] = ledger.query("SELECT completed_at IS NOT NULL FROM messages")
    assert completed is not queued, "a message with something to send is open"
    assert ledger.claim(church_id).taken == queued


def test_what_was_missed_is_looked_for_again_after_a_pause(ledger: Ledger, church_id: UUID) -> None:
    _, [suspect] = doubtful(ledger, church_id, numbers(1))

    miss(ledger, (suspect.delivery_id, 1))

    assert take(ledger) == []
    ledger.query("UPDATE deliveries SET due_at = due_at - interval '101 seconds'")
    assert take(ledger) == [suspect.delivery_id]


def test_readings_of_an_earlier_attempt_do_not_count_for_this_one(ledger: Ledger, church_id: UUID) -> None:
    _, [suspect] = doubtful(ledger, church_id, numbers(1))
    for _ in range(3):
        age(ledger, 310)
        miss(ledger, (suspect.delivery_id, 1))
    [again] = ledger.claim(church_id).envelopes
    ledger.record([DeliveryUpdate(delivery_id=again.delivery_id, attempt=again.attempt, status=Status.UNKNOWN)])
    age(ledger, 310)

    assert miss(ledger, (suspect.delivery_id, 1)) == 0
    assert ledger.query("SELECT missed_reads FROM deliveries") == [(0,)]
    assert miss(ledger, (again.delivery_id, again.attempt)) == 0
    assert ledger.query("SELECT missed_reads FROM deliveries") == [(1,)]


@pytest.mark.parametrize("stands", [Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED, Status.CANCELED])
def test_a_delivery_that_is_in_no_doubt_is_not_settled(ledger: Ledger, church_id: UUID, stands: Status) -> None:
    message, [suspect] = doubtful(ledger, church_id, numbers(1))
    ledger.put(suspect.delivery_id, stands)
    age(ledger, 1e6)

    for _ in range(4):
        miss(ledger, (suspect.delivery_id, 1))
    with system_scope(ledger.database) as connection:
        reconciliation.record_found(connection, [(suspect.delivery_id, 1, "SM1")])

    assert ledger.counts(message) == {stands: 1}


def test_what_was_found_is_sent_under_the_carriers_id(ledger: Ledger, church_id: UUID) -> None:
    message, found = doubtful(ledger, church_id, numbers(3))
    old = found[2].delivery_id, 7, "SM-of-another-attempt"

    with system_scope(ledger.database) as connection:
        reconciliation.record_found(
            connection, [(each.delivery_id, 1, f"SM{n}") for n, each in enumerate(found[:2])] + [old]
        )

    assert ledger.counts(message) == {Status.SENT: 2, Status.UNKNOWN: 1}
    assert [ledger.stands(each.delivery_id).carrier_id for each in found] == ["SM0", "SM1", None]


def test_a_suspect_is_nobody_elses_until_the_hold_is_over(ledger: Ledger, church_id: UUID) -> None:
    _, found = doubtful(ledger, church_id, numbers(3))

    assert sorted(take(ledger, limit=2) + take(ledger, limit=2)) == sorted(each.delivery_id for each in found)
    assert take(ledger) == []

    ledger.query("UPDATE deliveries SET due_at = due_at - interval '61 seconds'")
    assert len(take(ledger)) == 3


def test_two_who_ask_at_once_never_share(ledger: Ledger, church_id: UUID) -> None:
    doubtful(ledger, church_id, numbers(400))

    def take_all(_: int) -> list[UUID]:
        mine: list[UUID] = []
        while now := take(ledger, limit=20):
            mine += now
        return mine

    taken = [delivery for mine in together(4, take_all) for delivery in mine]

    assert len(taken) == len(set(taken)) == 400


@pytest.mark.parametrize(
    ("status", "becomes"), [("sent", ("delivered", 1)), ("failed", ("delivered", 1)), ("queued", ("delivered", 2))]
)
def test_a_person_is_corrected_by_a_carrier_that_knows_better(
    ledger: Ledger, church_id: UUID, status: Literal["sent", "failed", "queued"], becomes: tuple[str, int]
) -> None:
    """Who sends again begins a new attempt, which only the arrival of the old one reaches."""
    message, [suspect] = doubtful(ledger, church_id, numbers(1))
    names = {"church_id": church_id, "message_id": message.message_id, "delivery_id": suspect.delivery_id}
    with system_scope(ledger.database) as connection:
        assert reconciliation.resolve(connection, **names, status=status) is True
        assert reconciliation.resolve(connection, **names, status="queued") is False
        assert reconciliation.resolve(connection, **{**names, "delivery_id": uuid4()}, status="queued") is None

    ledger.receive(suspect.delivery_id, Status.DELIVERED, carrier_id="SM1")
    late = DeliveryUpdate(delivery_id=suspect.delivery_id, attempt=1, status=Status.FAILED)
    assert (ledger.apply(), ledger.record([late]), miss(ledger, (suspect.delivery_id, 1))) == (1, 0, 0)

    stands = ledger.stands(suspect.delivery_id)
    assert (stands.status, stands.attempts) == becomes
