"""Settling a delivery of which nobody knows whether the carrier has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from messaging.submissions import CarrierRecord, LookupResult


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconciliationPolicy:
    """When a delivery that is not in the carrier's list may be sent again. Times in seconds."""

    reads: int = 3
    """Readings of the list that must have missed it."""
    period_seconds: float = 300.0
    """The least time since the doubt began: a list may lag behind what the carrier accepted."""
    age_limit_seconds: float = 24 * 3600.0
    """Older than this (docs/time.md, Too late) it is given up instead of sent: its hour is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The carrier has it, under this id."""

    carrier_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """The carrier's list was read, and it is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unclear:
    """The list could not be read, or holds something that may be it: no ground for sending again."""


Conclusion = Found | Missing | Unclear


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrierIdOwner:
    """A delivery to which one of the carrier's ids belongs, by the ledger or by a receipt of this `attempt`."""

    carrier_id: str
    delivery_id: UUID
    attempt: int
    failed: bool
    """The carrier said that nothing came of it."""


CarrierIdOwners = Mapping[str, Sequence[CarrierIdOwner]]
"""By the carrier's id."""


def conclude(
    lookup: LookupResult, *, owners: CarrierIdOwners, identical_in_flight: Set[UUID] = frozenset()
) -> Conclusion:
    """What a lookup proves. `identical_in_flight`: suspects whose text in the list may be another delivery's.

    Such a delivery, to the same person with the same words, is being submitted just now.
    """
    if lookup.records is None:
        return Unclear()
    free = [record for record in lookup.records if not _is_taken(record, lookup, owners)]
    for record in free:
        if record.same_content:
            return Unclear() if lookup.delivery_id in identical_in_flight else Found(carrier_id=record.carrier_id)
    return Missing() if lookup.complete and not free else Unclear()


def _is_taken(record: CarrierRecord, lookup: LookupResult, owners: CarrierIdOwners) -> bool:
    """Whether it is another delivery's, or what an earlier attempt of this one came to nothing as."""
    return any(
        owner.delivery_id != lookup.delivery_id or (owner.attempt < lookup.attempt and owner.failed)
        for owner in owners.get(record.carrier_id, ())
    )
