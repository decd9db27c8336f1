"""One text at the carrier is one delivery's: no two hold its id, and a mistake is undone by what the carrier says."""

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
    """A delivery with the same words to the same person as every other one."""
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    return envelope


def in_doubt(ledger: Ledger, church_id: UUID) -> Envelope:
    envelope = claimed(ledger, church_id)
    ledger.record([answer(envelope, Status.UNKNOWN)])
    ledger.complete(church_id)
    return envelope


def answer(envelope: Envelope, status: Status, carrier_id: str | None = None) -> DeliveryUpdate:
    return DeliveryUpdate(
        delivery_id=envelope.delivery_id, attempt=envelope.attempt, status=status, carrier_id=carrier_id
    )


def found(ledger: Ledger, envelope: Envelope, carrier_id: str = TEXT) -> None:
    """The carrier's list shows a text that may be this delivery's."""
    with system_scope(ledger.database) as connection:
        reconciliation.record_found(connection, [(envelope.delivery_id, envelope.attempt, carrier_id)])


def hear(ledger: Ledger, envelope: Envelope, status: Status, carrier_id: str = TEXT, code: str | None = None) -> int:
    ledger.receive(envelope.delivery_id, status, attempt=envelope.attempt, carrier_id=carrier_id, error_code=code)
    return ledger.apply(retryable_codes={"30003": 300.0})


def standing(ledger: Ledger, envelope: Envelope) -> tuple[str, str | None]:
    delivery = ledger.stands(envelope.delivery_id)
    return delivery.status, delivery.carrier_id


def test_the_database_refuses_two_deliveries_under_one_id(ledger: Ledger, church_id: UUID) -> None:
    first, second = claimed(ledger, church_id), claimed(ledger, church_id)
    ledger.record([answer(first, Status.SENT, TEXT)])

    with pytest.raises(psycopg.errors.UniqueViolation):
        ledger.query(
            "UPDATE deliveries SET carrier_id = %(text)s WHERE delivery_id = %(id)s", text=TEXT, id=second.delivery_id
        )


# --- by receipts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED])
@pytest.mark.parametrize("ended", [Status.SENT, Status.UNDELIVERED, Status.FAILED, Status.DELIVERED])
def test_a_receipt_gives_a_text_to_the_delivery_that_it_names_and_puts_the_other_back_in_doubt(
    ledger: Ledger, church_id: UUID, said: Status, ended: Status
) -> None:
    """Both answers were lost, one was never sent: by the list nobody can tell which."""
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    ledger.put(never_sent.delivery_id, ended)
    ledger.query("UPDATE messages SET settled_at = now()")

    hear(ledger, sent, said)

    assert standing(ledger, sent) == (said, TEXT)
    assert standing(ledger, never_sent) == ("unknown", None)
    assert ledger.stands(never_sent.delivery_id).reason == SHARED
    unsettled = ledger.query(
        "SELECT settled_at IS NULL, due_at <= now() FROM messages JOIN deliveries USING (message_id) "
        "WHERE delivery_id = %(id)s",
        id=never_sent.delivery_id,
    )
    assert unsettled == [(True, True)], "it is looked for again at once"


def test_a_failure_that_may_pass_of_a_text_that_another_holds_puts_that_one_in_doubt_too(
    ledger: Ledger, church_id: UUID
) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)

    hear(ledger, sent, Status.UNDELIVERED, code="30003")

    assert standing(ledger, sent) == ("queued", None)
    assert standing(ledger, never_sent) == ("unknown", None)


def test_the_one_that_was_never_sent_is_sent_after_all(ledger: Ledger, church_id: UUID) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    hear(ledger, sent, Status.DELIVERED)
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour', missed_reads = 9")

    with system_scope(ledger.database) as connection:
        seen = reconciliation.find_carrier_id_owners(connection, [never_sent.delivery_id], seen=[TEXT])
        assert {claimant.delivery_id for claimant in seen[TEXT]} == {sent.delivery_id}
        missing = [(never_sent.delivery_id, never_sent.attempt)]
        assert reconciliation.record_missing(connection, missing, policy=ReconciliationPolicy(), pause_seconds=1.0) == 1

    [again] = ledger.claim(church_id).envelopes
    assert again.delivery_id == never_sent.delivery_id


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_two_that_were_taken_for_each_other_get_their_own(ledger: Ledger, church_id: UUID, in_one_batch: bool) -> None:
    first, second = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, first, OTHER_TEXT)
    found(ledger, second, TEXT)

    ledger.receive(first.delivery_id, Status.DELIVERED, carrier_id=TEXT)
    if not in_one_batch:
        ledger.apply()
    ledger.receive(second.delivery_id, Status.DELIVERED, carrier_id=OTHER_TEXT)
    ledger.apply()

    assert standing(ledger, first) == ("delivered", TEXT)
    assert standing(ledger, second) == ("delivered", OTHER_TEXT)
    assert ledger.apply() == 0


def test_a_delivery_that_was_sent_again_meanwhile_leaves_the_text_to_its_holder(
    ledger: Ledger, church_id: UUID
) -> None:
    """Two messages, two texts: to put the holder in doubt now would make three."""
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    send_again(ledger, church_id, sent)
    [again] = ledger.claim(church_id).envelopes
    assert again.delivery_id == sent.delivery_id

    hear(ledger, sent, Status.SENT)
    hear(ledger, sent, Status.DELIVERED)

    assert standing(ledger, never_sent) == ("delivered", TEXT)
    assert standing(ledger, again) == ("sending", None)
    ledger.record([answer(again, Status.SENT, OTHER_TEXT)])
    assert standing(ledger, again) == ("sent", OTHER_TEXT)


def test_a_delivery_that_waits_to_be_sent_again_takes_its_text_instead(ledger: Ledger, church_id: UUID) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    send_again(ledger, church_id, sent)

    hear(ledger, sent, Status.SENT)

    assert standing(ledger, sent) == ("sent", TEXT)
    assert standing(ledger, never_sent) == ("unknown", None)
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


def test_what_was_asked_for_in_the_name_of_the_wrong_delivery_is_given_to_the_right_one(
    ledger: Ledger, church_id: UUID
) -> None:
    """The carrier was asked about a text, its answer stored for the holder; then a callback names another delivery."""
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    hear(ledger, never_sent, Status.DELIVERED)
    assert standing(ledger, never_sent) == ("delivered", TEXT)

    hear(ledger, sent, Status.DELIVERED)

    assert standing(ledger, sent) == ("delivered", TEXT)
    assert standing(ledger, never_sent) == ("unknown", None)


def test_a_carrier_that_names_two_deliveries_for_one_text_blocks_nobody(ledger: Ledger, church_id: UUID) -> None:
    first, second, third = (in_doubt(ledger, church_id) for _ in range(3))
    ledger.receive(first.delivery_id, Status.SENT, carrier_id=TEXT)
    ledger.receive(second.delivery_id, Status.DELIVERED, carrier_id=TEXT)
    ledger.receive(third.delivery_id, Status.DELIVERED, carrier_id=OTHER_TEXT)

    assert ledger.apply() == 3

    assert standing(ledger, third) == ("delivered", OTHER_TEXT)
    both = sorted([standing(ledger, first), standing(ledger, second)], key=str)
    assert both in ([("delivered", TEXT), ("unknown", None)], [("sent", TEXT), ("unknown", None)])
    assert ledger.apply() == 0


def test_a_receipt_of_the_present_attempt_corrects_the_id_of_its_own_delivery(ledger: Ledger, church_id: UUID) -> None:
    envelope = in_doubt(ledger, church_id)
    found(ledger, envelope, OTHER_TEXT)

    hear(ledger, envelope, Status.SENT, TEXT)

    assert standing(ledger, envelope) == ("sent", TEXT)


# --- by the carrier's answers -----------------------------------------------------------------------------------------


def test_an_answer_takes_the_id_from_who_was_only_believed_to_have_it(ledger: Ledger, church_id: UUID) -> None:
    late, believed = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, believed)

    assert ledger.record([answer(late, Status.SENT, TEXT)]) == 1

    assert standing(ledger, late) == ("sent", TEXT)
    assert standing(ledger, believed) == ("unknown", None)


def test_an_answer_does_not_take_the_id_from_whom_callbacks_gave_it(ledger: Ledger, church_id: UUID) -> None:
    first, second = claimed(ledger, church_id), claimed(ledger, church_id)
    hear(ledger, first, Status.DELIVERED)

    assert ledger.record([answer(second, Status.SENT, TEXT)]) == 1

    assert standing(ledger, first) == ("delivered", TEXT)
    assert standing(ledger, second) == ("unknown", None)
    assert ledger.stands(second.delivery_id).reason == "the carrier answered with the id of another message"


@pytest.mark.parametrize("place", [0, 3, 9])
def test_of_a_batch_in_which_one_id_is_taken_nothing_is_lost(ledger: Ledger, church_id: UUID, place: int) -> None:
    holder = claimed(ledger, church_id)
    hear(ledger, holder, Status.DELIVERED)
    message = ledger.send(church_id, numbers(10))
    batch = [answer(envelope, Status.SENT, f"SM{n}") for n, envelope in enumerate(ledger.claim(church_id).envelopes)]
    batch[place] = DeliveryUpdate(delivery_id=batch[place].delivery_id, attempt=1, status=Status.SENT, carrier_id=TEXT)

    assert ledger.record(batch) == 10

    assert ledger.counts(message) == {Status.SENT: 9, Status.UNKNOWN: 1}


def test_a_carrier_that_answers_everything_with_one_id_is_believed_once(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(20))
    envelopes = ledger.claim(church_id).envelopes

    assert ledger.record([answer(envelope, Status.SENT, TEXT) for envelope in envelopes]) == 20

    assert ledger.counts(message) == {Status.SENT: 1, Status.UNKNOWN: 19}


def test_a_list_gives_no_id_away_that_is_taken(ledger: Ledger, church_id: UUID) -> None:
    holder, doubtful, other = claimed(ledger, church_id), in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    ledger.record([answer(holder, Status.SENT, TEXT)])
    with system_scope(ledger.database) as connection:
        reconciliation.record_found(connection, [(doubtful.delivery_id, 1, TEXT), (other.delivery_id, 1, OTHER_TEXT)])

    assert standing(ledger, doubtful) == ("unknown", None)
    assert standing(ledger, other) == ("sent", OTHER_TEXT)


def test_who_settles_records_and_applies_at_once_never_leaves_an_id_with_two(ledger: Ledger, church_id: UUID) -> None:
    for round_number in range(15):
        first, second = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
        text = f"SM-round-{round_number}"
        ledger.receive(first.delivery_id, Status.SENT, carrier_id=text)

        def act(number: int, first: Envelope = first, second: Envelope = second, text: str = text) -> None:
            match number:
                case 0:
                    found(ledger, second, text)
                case 1:
                    ledger.apply()
                case _:
                    ledger.record([answer(first, Status.SENT, text)])

        together(3, act)
        ledger.apply()

        assert standing(ledger, first) == ("sent", text)
        assert standing(ledger, second) == ("unknown", None)


def test_messages_of_the_same_audience_keep_their_ids_however_much_is_written_at_once(
    ledger: Ledger, church_id: UUID
) -> None:
    """Appliers and recorders of the same texts, in batches of any order: nobody deadlocks for good, nothing is lost."""
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

    def act(number: int) -> None:
        if number % 2:
            while ledger.apply(limit=50):
                pass
        else:
            for start in range(0, 400, 80):
                part = envelopes[start : start + 80]
                ledger.record([answer(each, Status.SENT, f"SM{each.delivery_id}") for each in part])

    together(4, act)

    assert ledger.counts(message) == {Status.SENT: 400}


def test_an_old_message_is_unsettled_when_its_delivery_is_doubted(ledger: Ledger, church_id: UUID) -> None:
    sent, never_sent = in_doubt(ledger, church_id), in_doubt(ledger, church_id)
    found(ledger, never_sent)
    ledger.query("UPDATE messages SET send_at = now() - %(age)s, settled_at = now()", age=timedelta(days=3))

    hear(ledger, sent, Status.DELIVERED)

    ledger.query("UPDATE deliveries SET missed_reads = 9, updated_at = now() - interval '1 hour'")
    with system_scope(ledger.database) as connection:
        reconciliation.record_missing(
            connection, [(never_sent.delivery_id, 1)], policy=ReconciliationPolicy(), pause_seconds=1.0
        )
    assert standing(ledger, never_sent) == ("failed", None)
    assert ledger.stands(never_sent.delivery_id).reason == "too late to be sent"
