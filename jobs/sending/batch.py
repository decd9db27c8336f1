"""The deliveries that one claim took for one church."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from messaging.submissions import Envelope, ResultKind


@dataclass(kw_only=True, eq=False)
class Batch:
    """Claimed deliveries of one church, and how many of each kind of result they have so far."""

    church_id: UUID
    envelopes: dict[UUID, Envelope]
    """By delivery id."""
    request_ids: frozenset[str]
    deadline: float
    """Nothing is submitted after this (channels.elapsed_time): the lease would expire before the carrier's timeout."""
    counts_by_kind: Counter[ResultKind] = field(default_factory=Counter[ResultKind])

    @property
    def is_finished(self) -> bool:
        """Every delivery has a result."""
        return self.counts_by_kind.total() == len(self.envelopes)
