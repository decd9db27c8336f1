"""What a look-up in the carrier's list proves."""

from __future__ import annotations

from uuid import UUID

import pytest

from messaging.reconciliation import CarrierIdOwner, Conclusion, Found, Missing, Unclear, conclude
from messaging.submissions import CarrierRecord, LookupResult

OURS, ANOTHER = UUID(int=1), UUID(int=2)


def record(carrier_id: str, *, same: bool = True) -> CarrierRecord:
    return CarrierRecord(carrier_id=carrier_id, same_content=same)


def owner(carrier_id: str, delivery_id: UUID = ANOTHER, *, attempt: int = 1, failed: bool = False) -> CarrierIdOwner:
    return CarrierIdOwner(carrier_id=carrier_id, delivery_id=delivery_id, attempt=attempt, failed=failed)


@pytest.mark.parametrize(
    ("records", "owners", "expected"),
    [
        (None, [], Unclear()),
        ((), [], Missing()),
        ((record("A"),), [], Found(carrier_id="A")),
        ((record("A"),), [owner("A")], Missing()),
        ((record("A"), record("B")), [owner("A")], Found(carrier_id="B")),
        ((record("A", same=False),), [], Unclear()),
        ((record("A", same=False),), [owner("A")], Missing()),
        ((record("A", same=False), record("B")), [], Found(carrier_id="B")),
        # A text of an earlier attempt counts as this delivery's unless that attempt failed.
        ((record("A"),), [owner("A", OURS, attempt=1, failed=True)], Missing()),
        ((record("A"),), [owner("A", OURS, attempt=1)], Found(carrier_id="A")),
        ((record("A"),), [owner("A", OURS, attempt=2, failed=True)], Found(carrier_id="A")),
    ],
    ids=[
        "unreadable",
        "empty",
        "found",
        "another's",
        "one of two",
        "other content",
        "another's, other content",
        "both",
        "failed before",
        "sent before",
        "failed now",
    ],
)
def test_a_look_up_proves(
    records: tuple[CarrierRecord, ...] | None, owners: list[CarrierIdOwner], expected: Conclusion
) -> None:
    lookup = LookupResult(delivery_id=OURS, attempt=2, records=records)

    assert conclude(lookup, owners={each.carrier_id: [each] for each in owners}) == expected


@pytest.mark.parametrize(
    ("records", "expected"), [((), Unclear()), ((record("A"),), Found(carrier_id="A"))], ids=["empty", "found"]
)
def test_a_list_that_was_not_read_completely_does_not_prove_a_delivery_missing(
    records: tuple[CarrierRecord, ...], expected: Conclusion
) -> None:
    lookup = LookupResult(delivery_id=OURS, attempt=1, records=records, complete=False)

    assert conclude(lookup, owners={}) == expected


def test_a_text_that_may_be_an_identical_delivery_in_flight_proves_nothing() -> None:
    lookup = LookupResult(delivery_id=OURS, attempt=1, records=(record("A"),))

    assert conclude(lookup, owners={}, identical_in_flight={OURS}) == Unclear()
