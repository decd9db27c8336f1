"""Decides from look-ups in the carrier's list what happens to a delivery in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from messaging.submissions import CarrierRecord, LookupResult


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconciliationPolicy:
    """When a delivery that the carrier's list does not have may be sent again. Times in seconds."""

    reads: int = 3
    """Look-ups that must not have found it."""
    period_seconds: float = 300.0
    """The least time since it became `unknown`: the list may lag behind what the carrier accepted."""
    age_limit_seconds: float = 24 * 3600.0
    """A delivery older than this fails instead (docs/time.md, Too late)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The carrier has the delivery under this id."""

    carrier_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """The carrier's list was read and does not have the delivery."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unclear:
    """The list could not be read, or has a message that may be the delivery. It must not be sent again."""


Conclusion = Found | Missing | Unclear


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrierIdOwner:
    """A delivery to which a carrier id belongs, by its row or by a receipt of this `attempt`."""

    carrier_id: str
    delivery_id: UUID
    attempt: int
    failed: bool
    """The carrier reported that this attempt failed."""


CarrierIdOwners = Mapping[str, Sequence[CarrierIdOwner]]
"""By carrier id."""


def conclude(
    lookup: LookupResult, *, owners: CarrierIdOwners, identical_in_flight: Set[UUID] = frozenset()
) -> Conclusion:
    """Returns what a look-up proves.

    `identical_in_flight`: ids of deliveries in doubt for which another delivery with the same content to the same
    address is being submitted now. A message in the list may then be the other delivery's.
    """
    if lookup.records is None:
        return Unclear()
    free = [record for record in lookup.records if not _is_taken(record, lookup, owners)]
    for record in free:
        if record.same_content:
            return Unclear() if lookup.delivery_id in identical_in_flight else Found(carrier_id=record.carrier_id)
    return Missing() if lookup.complete and not free else Unclear()


def _is_taken(record: CarrierRecord, lookup: LookupResult, owners: CarrierIdOwners) -> bool:
    """Whether the record is another delivery's, or an earlier attempt of this one that failed."""
    return any(
        owner.delivery_id != lookup.delivery_id or (owner.attempt < lookup.attempt and owner.failed)
        for owner in owners.get(record.carrier_id, ())
    )
