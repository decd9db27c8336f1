"""A carrier id belongs to one delivery. Receipts and acceptances correct a wrong assignment."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from messaging.reconciliation import ReconciliationPolicy
from messaging.states import Status
from messaging.submissions import Envelope
from store import message_lifecycle, receipts, reconciliation
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from store.receipts import Receipt
from tests.integration.store.ledger import Ledger, numbers, together

TEXT = "SM-of-the-one-text"
OTHER_TEXT = "SM-of-another-text"
SHARED = "its carrier id belongs to another delivery"


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def claimed(ledger: Ledger, church_id: UUID) -> Envelope:
    """A claimed delivery; all have the same content and the same recipient."""
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    return envelope


def in_doubt(ledger: Ledger, church_id: UUID) -> Envelope:
    envelope = claimed(ledger, church_id)
    ledger.record([result(envelope, Status.UNKNOWN)])
    ledger.complete(church_id)
    return envelope


def result(envelope: Envelope, status: Status, carrier_id: str | None = None) -> DeliveryUpdate:
    return DeliveryUpdate(
        delivery_id=envelope.delivery_id, attempt=envelope.attempt, status=status, carrier_id=carrier_id
    )


def found(ledger: Ledger, envelope: Envelope, carrier_id: str = TEXT) -> None:
    """Records that the carrier's list has a text that may be this delivery's."""
    with system_scope(ledger.database) as connection:
        reconciliation.record_found(connection, [(envelope.delivery_id, envelope.attempt, carrier_id)])


def receive_and_apply(
    ledger: Ledger, envelope: Envelope, status: Status, carrier_id: str = TEXT, code: str | None = None
) -> int:
    ledger.receive(envelope.delivery_id, status, attempt=envelope.attempt, carrier_id=carrier_id, error_code=code)
    return ledger.apply(retryable_codes={"30003": 300.0})


def state(ledger: Ledger, envelope: Envelope) -> tuple[str, str | None]:
    delivery = ledger.get(envelope.delivery_id)
    return delivery.status, delivery.carrier_id


def test_the_database_refuses_two_deliveries_with_one_carrier_id(ledger: Ledger, church_id: UUID) -> None:
    first, second = claimed(ledger, church_id), claimed(ledger, church_id)
    ledger.record([result(first, Status.SENT, TEXT)])

    with pytest.raises(psycopg.errors.UniqueViolation):
        ledger.query(
            "UPDATE deliveries SET carrier_id = %(text)s WHERE delivery_id = %(id)s", text=TEXT, id=second.delivery_id
        )


# --- by receipts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reported", [Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED])
@pytest.mark.parametrize("previous", [Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED])
def test_a_receipt_moves_a_carrier_id_to_its_delivery_and_the_holder_is_in_doubt_again(
    ledger: Ledger, church_id: UUID, reported: Status, previous: Status
) -> None:
    """Both results were lost and one delivery was never sent; the list does not show which."""
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    ledger.set_status(never_sent.delivery_id, previous)
    ledger.query("UPDATE messages SET settled_at = now()")

    receive_and_apply(ledger, sent, reported)

    assert state(ledger, sent) == (reported, TEXT)
    assert state(ledger, never_sent) == ("unknown", None)
    assert ledger.get(never_sent.delivery_id).reason == SHARED
    reopened = ledger.query(
        "SELECT settled_at IS NULL, due_at <= now() FROM messages JOIN deliveries USING (message_id) "
        "WHERE delivery_id = %(id)s",
        id=never_sent.delivery_id,
    )
    assert reopened == [(True, True)], "it is looked up again at once"


def test_a_retryable_failure_of_a_text_puts_the_holder_of_its_id_in_doubt_too(ledger: Ledger, church_id: UUID) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)

    receive_and_apply(ledger, sent, Status.UNDELIVERED, code="30003")

    assert state(ledger, sent) == ("queued", None)
    assert state(ledger, never_sent) == ("unknown", None)


def test_the_delivery_that_was_never_sent_is_sent_again(ledger: Ledger, church_id: UUID) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    receive_and_apply(ledger, sent, Status.DELIVERED)
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour', missed_reads = 9")

    with system_scope(ledger.database) as connection:
        owners = reconciliation.find_carrier_id_owners(connection, [never_sent.delivery_id], seen=[TEXT])
        assert {owner.delivery_id for owner in owners[TEXT]} == {sent.delivery_id}
        missing = [(never_sent.delivery_id, never_sent.attempt)]
        assert reconciliation.record_missing(connection, missing, policy=ReconciliationPolicy(), pause_seconds=1.0) == 1

    [again] = ledger.claim(church_id).envelopes
    assert again.delivery_id == never_sent.delivery_id


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_two_deliveries_with_exchanged_ids_get_their_own(ledger: Ledger, church_id: UUID, in_one_batch: bool) -> None:
    first, second = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, first, OTHER_TEXT)
    found(ledger, second, TEXT)

    ledger.receive(first.delivery_id, Status.DELIVERED, carrier_id=TEXT)
    if not in_one_batch:
        ledger.apply()
    ledger.receive(second.delivery_id, Status.DELIVERED, carrier_id=OTHER_TEXT)
    ledger.apply()

    assert state(ledger, first) == ("delivered", TEXT)
    assert state(ledger, second) == ("delivered", OTHER_TEXT)
    assert ledger.apply() == 0


def test_a_delivery_that_was_submitted_again_leaves_the_carrier_id_to_its_holder(
    ledger: Ledger, church_id: UUID
) -> None:
    """Two messages and two texts: putting the holder in doubt would cause a third."""
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    send_again(ledger, church_id, sent)
    [again] = ledger.claim(church_id).envelopes
    assert again.delivery_id == sent.delivery_id

    receive_and_apply(ledger, sent, Status.SENT)
    receive_and_apply(ledger, sent, Status.DELIVERED)

    assert state(ledger, never_sent) == ("delivered", TEXT)
    assert state(ledger, again) == ("sending", None)
    ledger.record([result(again, Status.SENT, OTHER_TEXT)])
    assert state(ledger, again) == ("sent", OTHER_TEXT)


def test_a_queued_delivery_gets_its_carrier_id_back_and_is_not_sent_again(ledger: Ledger, church_id: UUID) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    send_again(ledger, church_id, sent)

    receive_and_apply(ledger, sent, Status.SENT)

    assert state(ledger, sent) == ("sent", TEXT)
    assert state(ledger, never_sent) == ("unknown", None)
    assert ledger.claim(church_id).taken == 0


def send_again(ledger: Ledger, church_id: UUID, envelope: Envelope) -> None:
    [(message_id,)] = ledger.query(
        "SELECT message_id FROM deliveries WHERE delivery_id = %(id)s", id=envelope.delivery_id
    )
    with system_scope(ledger.database) as connection:
        reconciliation.resolve(
            connection, church_id=church_id, message_id=message_id, delivery_id=envelope.delivery_id, status="queued"
        )
        message_lifecycle.reopen(connection, church_id=church_id, message_id=message_id)


def test_a_receipt_that_was_fetched_for_the_wrong_delivery_is_applied_to_the_right_one(
    ledger: Ledger, church_id: UUID
) -> None:
    """The status was fetched and stored for the holder of the id; then a callback names another delivery."""
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    receive_and_apply(ledger, never_sent, Status.DELIVERED)
    assert state(ledger, never_sent) == ("delivered", TEXT)

    receive_and_apply(ledger, sent, Status.DELIVERED)

    assert state(ledger, sent) == ("delivered", TEXT)
    assert state(ledger, never_sent) == ("unknown", None)


def test_callbacks_that_name_two_deliveries_for_one_text_do_not_block_others(ledger: Ledger, church_id: UUID) -> None:
    first, second, third = (in_doubt(ledger, church_id) for _ in range(3))
    ledger.receive(first.delivery_id, Status.SENT, carrier_id=TEXT)
    ledger.receive(second.delivery_id, Status.DELIVERED, carrier_id=TEXT)
    ledger.receive(third.delivery_id, Status.DELIVERED, carrier_id=OTHER_TEXT)

    assert ledger.apply() == 3

    assert state(ledger, third) == ("delivered", OTHER_TEXT)
    both = sorted([state(ledger, first), state(ledger, second)], key=str)
    assert both in ([("delivered", TEXT), ("unknown", None)], [("sent", TEXT), ("unknown", None)])
    assert ledger.apply() == 0


def test_a_receipt_of_the_present_attempt_corrects_the_carrier_id(ledger: Ledger, church_id: UUID) -> None:
    envelope = in_doubt(ledger, church_id)
    found(ledger, envelope, OTHER_TEXT)

    receive_and_apply(ledger, envelope, Status.SENT, TEXT)

    assert state(ledger, envelope) == ("sent", TEXT)


# --- by acceptances ---------------------------------------------------------------------------------------------------


def test_an_acceptance_takes_the_carrier_id_from_a_delivery_that_was_only_found_in_the_list(
    ledger: Ledger, church_id: UUID
) -> None:
    late, holder = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, holder)

    assert ledger.record([result(late, Status.SENT, TEXT)]) == 1

    assert state(ledger, late) == ("sent", TEXT)
    assert state(ledger, holder) == ("unknown", None)


def test_an_acceptance_does_not_take_the_carrier_id_from_a_delivery_with_a_receipt(
    ledger: Ledger, church_id: UUID
) -> None:
    first, second = claimed(ledger, church_id), claimed(ledger, church_id)
    receive_and_apply(ledger, first, Status.DELIVERED)

    assert ledger.record([result(second, Status.SENT, TEXT)]) == 1

    assert state(ledger, first) == ("delivered", TEXT)
    assert state(ledger, second) == ("unknown", None)
    assert ledger.get(second.delivery_id).reason == "the carrier answered with the id of another message"


@pytest.mark.parametrize("place", [0, 3, 9])
def test_a_batch_in_which_one_carrier_id_is_taken_is_recorded_completely(
    ledger: Ledger, church_id: UUID, place: int
) -> None:
    holder = claimed(ledger, church_id)
    receive_and_apply(ledger, holder, Status.DELIVERED)
    message = ledger.send(church_id, numbers(10))
    batch = [result(envelope, Status.SENT, f"SM{n}") for n, envelope in enumerate(ledger.claim(church_id).envelopes)]
    batch[place] = DeliveryUpdate(delivery_id=batch[place].delivery_id, attempt=1, status=Status.SENT, carrier_id=TEXT)

    assert ledger.record(batch) == 10

    assert ledger.counts(message) == {Status.SENT: 9, Status.UNKNOWN: 1}


def test_a_carrier_id_that_a_batch_has_several_times_is_assigned_once(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(20))
    envelopes = ledger.claim(church_id).envelopes

    assert ledger.record([result(envelope, Status.SENT, TEXT) for envelope in envelopes]) == 20

    assert ledger.counts(message) == {Status.SENT: 1, Status.UNKNOWN: 19}


def test_a_look_up_does_not_assign_a_carrier_id_that_is_taken(ledger: Ledger, church_id: UUID) -> None:
    holder, listed, other = claimed(ledger, church_id), in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    ledger.record([result(holder, Status.SENT, TEXT)])
    with system_scope(ledger.database) as connection:
        reconciliation.record_found(connection, [(listed.delivery_id, 1, TEXT), (other.delivery_id, 1, OTHER_TEXT)])

    assert state(ledger, listed) == ("unknown", None)
    assert state(ledger, other) == ("sent", OTHER_TEXT)


def test_concurrent_look_up_acceptance_and_receipt_assign_a_carrier_id_once(ledger: Ledger, church_id: UUID) -> None:
    for round_number in range(15):
        first, second = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
        text = f"SM-round-{round_number}"
        ledger.receive(first.delivery_id, Status.SENT, carrier_id=text)

        def run(number: int, first: Envelope = first, second: Envelope = second, text: str = text) -> None:
            match number:
                case 0:
                    found(ledger, second, text)
                case 1:
                    ledger.apply()
                case _:
                    ledger.record([result(first, Status.SENT, text)])

        together(3, run)
        ledger.apply()

        assert state(ledger, first) == ("sent", text)
        assert state(ledger, second) == ("unknown", None)


def test_concurrent_appliers_and_recorders_of_the_same_texts_lose_nothing(ledger: Ledger, church_id: UUID) -> None:
    """Their batches overlap in different orders."""
    message = ledger.send(church_id, numbers(400))
    envelopes = ledger.claim(church_id).envelopes
    with system_scope(ledger.database) as connection:
        receipts.insert(
            connection,
            [
                Receipt(
                    delivery_id=envelope.delivery_id,
                    attempt=1,
                    carrier_id=f"SM{envelope.delivery_id}",
                    status=Status.SENT,
                    error_code=None,
                )
                for envelope in envelopes
            ],
        )

    def run(number: int) -> None:
        if number % 2:
            while ledger.apply(limit=50):
                pass
        else:
            for start in range(0, 400, 80):
                part = envelopes[start : start + 80]
                ledger.record([result(each, Status.SENT, f"SM{each.delivery_id}") for each in part])

    together(4, run)

    assert ledger.counts(message) == {Status.SENT: 400}


def test_a_settled_message_is_reconciled_again_when_its_delivery_is_in_doubt_again(
    ledger: Ledger, church_id: UUID
) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    ledger.query("UPDATE messages SET send_at = now() - %(age)s, settled_at = now()", age=timedelta(days=3))

    receive_and_apply(ledger, sent, Status.DELIVERED)

    ledger.query("UPDATE deliveries SET missed_reads = 9, updated_at = now() - interval '1 hour'")
    with system_scope(ledger.database) as connection:
        reconciliation.record_missing(
            connection, [(never_sent.delivery_id, 1)], policy=ReconciliationPolicy(), pause_seconds=1.0
        )
    assert state(ledger, never_sent) == ("failed", None)
    assert ledger.get(never_sent.delivery_id).reason == "too late to be sent"
