"""The state machine of a delivery."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from messaging.states import RECEIPT_STATUSES, TRANSITIONS, Status, receipt_may_move

WAYS = {
    ("canceled", "queued"),
    ("queued", "sending"),
    ("queued", "suppressed"),
    ("queued", "canceled"),
    ("queued", "failed"),
    ("sending", "queued"),
    ("sending", "unknown"),
    ("sending", "sent"),
    ("sending", "undelivered"),
    ("sending", "failed"),
    ("sending", "delivered"),
    ("unknown", "queued"),
    ("unknown", "sent"),
    ("unknown", "undelivered"),
    ("unknown", "failed"),
    ("unknown", "delivered"),
    ("sent", "undelivered"),
    ("sent", "failed"),
    ("sent", "delivered"),
    ("sent", "unknown"),
    ("undelivered", "queued"),
    ("undelivered", "failed"),
    ("undelivered", "delivered"),
    ("undelivered", "unknown"),
    ("failed", "queued"),
    ("failed", "delivered"),
    ("failed", "unknown"),
    ("delivered", "unknown"),
}
ORDER = list(Status)
NEVER_SUBMITTED = (Status.SUPPRESSED, Status.CANCELED)


def test_the_ways_between_the_states_are_these_and_no_others() -> None:
    assert {(source.value, target.value) for source, targets in TRANSITIONS.items() for target in targets} == WAYS


def test_every_status_has_its_ways_named() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_nothing_leads_out_of_an_end() -> None:
    assert TRANSITIONS[Status.SUPPRESSED] == frozenset()


def test_what_was_delivered_is_doubted_only() -> None:
    assert TRANSITIONS[Status.DELIVERED] == {Status.UNKNOWN}


@pytest.mark.parametrize("said", RECEIPT_STATUSES)
def test_a_receipt_never_moves_a_delivery_backwards_or_on_the_spot(said: Status) -> None:
    assert all(ORDER.index(source) < ORDER.index(said) for source in receipt_may_move(said))


@pytest.mark.parametrize("said", RECEIPT_STATUSES)
def test_a_receipt_moves_a_delivery_that_was_queued_again_because_its_submission_was_believed_lost(
    said: Status,
) -> None:
    assert Status.QUEUED in receipt_may_move(said)


@pytest.mark.parametrize("said", RECEIPT_STATUSES)
def test_what_was_suppressed_before_another_attempt_is_moved_by_what_shows_that_one_arrived(said: Status) -> None:
    assert (Status.SUPPRESSED in receipt_may_move(said)) is (said in (Status.SENT, Status.DELIVERED))


@pytest.mark.parametrize("said", RECEIPT_STATUSES)
def test_what_was_canceled_after_a_submission_believed_lost_is_what_the_carrier_says(said: Status) -> None:
    assert Status.CANCELED in receipt_may_move(said)


@pytest.mark.parametrize("said", [status for status in Status if status not in RECEIPT_STATUSES])
def test_a_status_that_no_carrier_can_say_is_refused(said: Status) -> None:
    with pytest.raises(ValueError, match="not a receipt's status"):
        receipt_may_move(said)


@pytest.mark.parametrize("start", [status for status in Status if status not in NEVER_SUBMITTED])
def test_receipts_end_the_same_in_whatever_order_they_come(start: Status) -> None:
    """The furthest of all that was said, or of where the delivery stood already."""
    for said in permutations(RECEIPT_STATUSES):
        status = start
        for receipt in said:
            status = receipt if status in receipt_may_move(receipt) else status
        assert status is Status.DELIVERED
    for pair in permutations(RECEIPT_STATUSES, 2):
        status = start
        for receipt in pair:
            status = receipt if status in receipt_may_move(receipt) else status
        assert status is max(start, *pair, key=ORDER.index)


def test_receipt_statuses_are_named_in_the_order_in_which_a_delivery_comes_further() -> None:
    assert all(ORDER.index(earlier) < ORDER.index(later) for earlier, later in pairwise(RECEIPT_STATUSES))
