"""Settling a delivery of which nobody knows whether the carrier has it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from messaging.outcomes import Sighting


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtPolicy:
    """When a delivery that is not in the carrier's list may be sent again. Times in seconds."""

    reads: int = 3
    """Readings of the list that must have missed it."""
    period_seconds: float = 300.0
    """The least time since the doubt began: a list may lag behind what the carrier accepted."""


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


Finding = Found | Missing | Unclear


def judge(sighting: Sighting, *, taken: Set[str]) -> Finding:
    """What a sighting proves. `taken`: the carrier's ids that belong to other deliveries."""
    if sighting.records is None:
        return Unclear()
    free = [record for record in sighting.records if record.carrier_id not in taken]
    for record in free:
        if record.same_content:
            return Found(carrier_id=record.carrier_id)
    return Unclear() if free else Missing()
