"""The deliveries that one claim took, of one church or of many paced ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from messaging.submissions import Envelope, ResultKind


@dataclass(kw_only=True, eq=False)
class Batch:
    """Claimed deliveries, and how many of each kind of result they have so far."""

    envelopes: dict[UUID, Envelope]
    """By delivery id."""
    church_id: UUID | None
    """None: it is of paced churches, of any number of them."""
    request_ids: frozenset[str]
    began: float
    """When it was about to be claimed (channels.elapsed_time)."""
    deadline: float
    """Nothing is submitted after this (channels.elapsed_time): the lease would expire before the carrier's timeout."""
    counts_by_kind: Counter[ResultKind] = field(default_factory=Counter[ResultKind])

    @property
    def is_finished(self) -> bool:
        """Every delivery has a result."""
        return self.counts_by_kind.total() == len(self.envelopes)
