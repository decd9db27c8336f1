"""The states of a delivery, and what a receipt may change. test_status_changes.py compares them with the SQL."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from messaging.states import RECEIPT_STATUSES, TRANSITIONS, Status, receipt_may_move

ORDER = list(Status)
NEVER_SUBMITTED = (Status.SUPPRESSED, Status.CANCELED)


def test_every_status_is_listed() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_a_suppressed_delivery_is_never_queued() -> None:
    assert TRANSITIONS[Status.SUPPRESSED] == {Status.SENT, Status.DELIVERED}


def test_a_delivered_delivery_can_only_become_in_doubt() -> None:
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
