"""What a reading of the carrier's list proves."""

from __future__ import annotations

from uuid import UUID

import pytest

from messaging.reconciliation import CarrierIdOwner, Conclusion, Found, Missing, Unclear, conclude
from messaging.submissions import CarrierRecord, LookupResult

OURS, ANOTHER = UUID(int=1), UUID(int=2)


def record(carrier_id: str, *, same: bool = True) -> CarrierRecord:
    return CarrierRecord(carrier_id=carrier_id, same_content=same)


def claim(carrier_id: str, delivery_id: UUID = ANOTHER, *, attempt: int = 1, failed: bool = False) -> CarrierIdOwner:
    return CarrierIdOwner(carrier_id=carrier_id, delivery_id=delivery_id, attempt=attempt, failed=failed)


@pytest.mark.parametrize(
    ("records", "claims", "finding"),
    [
        (None, [], Unclear()),
        ((), [], Missing()),
        ((record("A"),), [], Found(carrier_id="A")),
        ((record("A"),), [claim("A")], Missing()),
        ((record("A"), record("B")), [claim("A")], Found(carrier_id="B")),
        ((record("A", same=False),), [], Unclear()),
        ((record("A", same=False),), [claim("A")], Missing()),
        ((record("A", same=False), record("B")), [], Found(carrier_id="B")),
        # What an earlier attempt came to nothing as is not this attempt's text; what it succeeded as is.
        ((record("A"),), [claim("A", OURS, attempt=1, failed=True)], Missing()),
        ((record("A"),), [claim("A", OURS, attempt=1)], Found(carrier_id="A")),
        ((record("A"),), [claim("A", OURS, attempt=2, failed=True)], Found(carrier_id="A")),
    ],
    ids=[
        "unreadable",
        "empty",
        "there",
        "another's",
        "one of two",
        "other words",
        "another's words",
        "both",
        "failed before",
        "sent before",
        "failed now",
    ],
)
def test_judgement(
    records: tuple[CarrierRecord, ...] | None, claims: list[CarrierIdOwner], finding: Conclusion
) -> None:
    lookup = LookupResult(delivery_id=OURS, attempt=2, records=records)

    assert conclude(lookup, owners={each.carrier_id: [each] for each in claims}) == finding


@pytest.mark.parametrize(
    ("records", "finding"), [((), Unclear()), ((record("A"),), Found(carrier_id="A"))], ids=["empty", "there"]
)
def test_a_list_that_was_not_read_to_its_end_proves_nothing_missing(
    records: tuple[CarrierRecord, ...], finding: Conclusion
) -> None:
    lookup = LookupResult(delivery_id=OURS, attempt=1, records=records, complete=False)

    assert conclude(lookup, owners={}) == finding


def test_a_text_that_may_be_the_one_being_submitted_beside_it_is_left_alone() -> None:
    lookup = LookupResult(delivery_id=OURS, attempt=1, records=(record("A"),))

    assert conclude(lookup, owners={}, identical_in_flight={OURS}) == Unclear()
