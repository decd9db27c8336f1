"""The statuses of a delivery and their transitions. test_status_changes.py compares them with the SQL."""

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


@pytest.mark.parametrize("reported", RECEIPT_STATUSES)
def test_a_receipt_only_moves_a_delivery_forward(reported: Status) -> None:
    assert all(ORDER.index(source) < ORDER.index(reported) for source in receipt_may_move(reported))


@pytest.mark.parametrize("reported", RECEIPT_STATUSES)
def test_a_receipt_moves_a_delivery_that_is_queued_again(
    reported: Status,
) -> None:
    assert Status.QUEUED in receipt_may_move(reported)


@pytest.mark.parametrize("reported", RECEIPT_STATUSES)
def test_only_sent_and_delivered_move_a_suppressed_delivery(reported: Status) -> None:
    assert (Status.SUPPRESSED in receipt_may_move(reported)) is (reported in (Status.SENT, Status.DELIVERED))


@pytest.mark.parametrize("reported", RECEIPT_STATUSES)
def test_a_receipt_moves_a_canceled_delivery(reported: Status) -> None:
    assert Status.CANCELED in receipt_may_move(reported)


@pytest.mark.parametrize("reported", [status for status in Status if status not in RECEIPT_STATUSES])
def test_a_status_that_no_receipt_has_is_refused(reported: Status) -> None:
    with pytest.raises(ValueError, match="not a receipt's status"):
        receipt_may_move(reported)


@pytest.mark.parametrize("start", [status for status in Status if status not in NEVER_SUBMITTED])
def test_receipts_have_the_same_result_in_any_order(start: Status) -> None:
    """The result is the furthest of the reported statuses and the delivery's own."""
    for order in permutations(RECEIPT_STATUSES):
        status = start
        for receipt in order:
            status = receipt if status in receipt_may_move(receipt) else status
        assert status is Status.DELIVERED
    for pair in permutations(RECEIPT_STATUSES, 2):
        status = start
        for receipt in pair:
            status = receipt if status in receipt_may_move(receipt) else status
        assert status is max(start, *pair, key=ORDER.index)


def test_receipt_statuses_are_listed_in_forward_order() -> None:
    assert all(ORDER.index(earlier) < ORDER.index(later) for earlier, later in pairwise(RECEIPT_STATUSES))
