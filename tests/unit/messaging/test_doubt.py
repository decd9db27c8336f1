"""What a reading of the carrier's list proves."""

from __future__ import annotations

from uuid import UUID

import pytest

from messaging.doubt import Finding, Found, Missing, Unclear, judge
from messaging.outcomes import CarrierRecord, Sighting


def record(carrier_id: str, *, same: bool = True) -> CarrierRecord:
    return CarrierRecord(carrier_id=carrier_id, same_content=same)


@pytest.mark.parametrize(
    ("records", "taken", "finding"),
    [
        (None, set(), Unclear()),
        ((), set(), Missing()),
        ((record("A"),), set(), Found(carrier_id="A")),
        ((record("A"),), {"A"}, Missing()),
        ((record("A"), record("B")), {"A"}, Found(carrier_id="B")),
        ((record("A", same=False),), set(), Unclear()),
        ((record("A", same=False),), {"A"}, Missing()),
        ((record("A", same=False), record("B")), set(), Found(carrier_id="B")),
    ],
    ids=["unreadable", "empty", "there", "another's", "one of two", "other words", "another's words", "both"],
)
def test_judgement(records: tuple[CarrierRecord, ...] | None, taken: set[str], finding: Finding) -> None:
    sighting = Sighting(delivery_id=UUID(int=1), attempt=1, records=records)

    assert judge(sighting, taken=taken) == finding
