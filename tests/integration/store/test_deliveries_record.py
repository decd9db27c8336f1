"""What the carrier answered is written once, into the attempt that it is of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.states import Status
from messaging.submissions import Envelope
from store import deliveries
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers, sent, together


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def claimed(ledger: Ledger, church_id: UUID) -> Envelope:
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    return envelope


def recorded(claimed: Envelope, status: Status, **more: str | float) -> DeliveryUpdate:
    return replace(DeliveryUpdate(delivery_id=claimed.delivery_id, attempt=claimed.attempt, status=status), **more)


def test_an_acceptance_ends_the_lease_and_keeps_the_carriers_id(ledger: Ledger, claimed: Envelope) -> None:
    assert ledger.record([recorded(claimed, Status.SENT, carrier_id="SM1")]) == 1

    stands = ledger.stands(claimed.delivery_id)
    assert (stands.status, stands.carrier_id, stands.attempts) == ("sent", "SM1", 1)
    assert ledger.query("SELECT lease_until FROM deliveries") == [(None,)]


def test_a_refusal_is_kept_with_its_code_and_reason(ledger: Ledger, claimed: Envelope) -> None:
    ledger.record([recorded(claimed, Status.FAILED, error_code="21211", reason="not a number")])

    stands = ledger.stands(claimed.delivery_id)
    assert (stands.status, stands.error_code, stands.reason) == ("failed", "21211", "not a number")


def test_a_record_repeated_changes_nothing(ledger: Ledger, claimed: Envelope) -> None:
    result = recorded(claimed, Status.SENT, carrier_id="SM1")
    ledger.record([result])
    before = ledger.stands(claimed.delivery_id)

    assert ledger.record([result]) == 0
    assert ledger.stands(claimed.delivery_id) == before


def test_a_transient_refusal_waits_in_the_queue_for_its_delay(
    ledger: Ledger, church_id: UUID, claimed: Envelope
) -> None:
    ledger.record([recorded(claimed, Status.QUEUED, delay_seconds=30.0)])

    [(due_at,)] = ledger.query("SELECT due_at FROM deliveries")
    assert timedelta(seconds=25) < due_at - datetime.now(UTC) <= timedelta(seconds=30)
    assert ledger.claim(church_id).taken == 0


def test_without_a_delay_it_keeps_its_place_and_is_claimed_as_the_next_attempt(
    ledger: Ledger, church_id: UUID, claimed: Envelope
) -> None:
    later = ledger.send(church_id, numbers(1, first=1))

    ledger.record([recorded(claimed, Status.QUEUED)])

    [again] = ledger.claim(church_id, limit=1).envelopes
    assert (again.delivery_id, again.attempt) == (claimed.delivery_id, 2)
    assert ledger.counts(later) == {Status.QUEUED: 1}


def test_an_answer_to_an_earlier_attempt_changes_nothing(ledger: Ledger, church_id: UUID, claimed: Envelope) -> None:
    ledger.record([recorded(claimed, Status.QUEUED)])
    ledger.claim(church_id)

    assert ledger.record([recorded(claimed, Status.FAILED)]) == 0
    assert ledger.stands(claimed.delivery_id).status == "sending"


@pytest.mark.parametrize("answer", [Status.SENT, Status.QUEUED, Status.FAILED])
def test_a_receipt_that_came_first_stands(answer: Status, ledger: Ledger, church_id: UUID, claimed: Envelope) -> None:
    ledger.receive(claimed.delivery_id, Status.DELIVERED, carrier_id="SM1")
    ledger.apply()

    assert ledger.record([recorded(claimed, answer, carrier_id="SM1")]) == 0

    stands = ledger.stands(claimed.delivery_id)
    assert (stands.status, stands.carrier_id) == ("delivered", "SM1")
    assert ledger.claim(church_id).taken == 0


@pytest.mark.parametrize("answer", [Status.SENT, Status.QUEUED, Status.FAILED])
def test_an_answer_that_came_after_the_lease_ran_out_ends_the_doubt(
    answer: Status, ledger: Ledger, church_id: UUID
) -> None:
    ledger.send(church_id, numbers(1))
    [claimed] = ledger.claim(church_id, lease_seconds=0).envelopes
    assert ledger.expire_leases() == 1

    assert ledger.record([recorded(claimed, answer)]) == 1

    assert ledger.stands(claimed.delivery_id).status == answer.value


def test_many_are_recorded_at_once_each_with_its_own_answer(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(9))
    claim = ledger.claim(church_id)
    answers = [Status.SENT, Status.FAILED, Status.QUEUED]

    results = [recorded(envelope, answers[n % 3]) for n, envelope in enumerate(claim.envelopes)]

    assert ledger.record(results) == 9
    assert ledger.counts(message) == {Status.SENT: 3, Status.FAILED: 3, Status.QUEUED: 3}


def test_nothing_to_record_is_no_fault(ledger: Ledger) -> None:
    assert ledger.record([]) == 0


def test_recipients_who_told_the_carrier_to_stop_have_opted_out_of_the_church(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(3))
    refused = [envelope.delivery_id for envelope in ledger.claim(church_id, limit=2).envelopes]

    for _ in range(2):
        with system_scope(ledger.database) as connection:
            deliveries.opt_out_recipients(connection, refused)

    found = ledger.query("SELECT church_id, address, source FROM opt_outs ORDER BY address")
    assert found == [(church_id, address, "carrier") for address in numbers(2)]
    ledger.record(sent(ledger.claim(church_id)))
    ledger.send(church_id, numbers(3))
    assert len(ledger.claim(church_id).envelopes) == 1


def test_two_turns_that_learn_of_the_same_opt_outs_do_not_deadlock(ledger: Ledger, church_id: UUID) -> None:
    turns: list[list[UUID]] = []
    for audience in (numbers(2000), numbers(500)):
        ledger.send(church_id, audience)
        turns.append([envelope.delivery_id for envelope in ledger.claim(church_id, limit=2000).envelopes])

    def opt_out(number: int) -> None:
        with system_scope(ledger.database) as connection:
            deliveries.opt_out_recipients(connection, turns[number])

    for _ in range(5):
        ledger.query("DELETE FROM opt_outs")
        together(2, opt_out)

    assert ledger.query("SELECT count(*) FROM opt_outs") == [(2000,)]
