"""The readings of `history`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StatementReading:
    """A statement of the product while a message is sent, by pg_stat_statements."""

    kind: str = "statement"
    deliveries: int
    """Deliveries in the table."""
    meanwhile: str
    """What else ran: `nothing` or `prune`."""
    name: str
    calls: int
    rows: int
    total_ms: float
    """The server's time for all calls."""

    @property
    def ms(self) -> float:
        return self.total_ms / max(self.calls, 1)


@dataclass(frozen=True, kw_only=True)
class SendingReading:
    """A message of `sent` texts with all its receipts."""

    kind: str = "sending"
    deliveries: int
    meanwhile: str
    sent: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    pruned: int
    """Deliveries that were deleted meanwhile."""
    load: float
    """The load average of the machine, 1 minute, at the end."""


@dataclass(frozen=True, kw_only=True)
class SizeReading:
    """Sizes in bytes after `stage`."""

    kind: str = "size"
    stage: str
    deliveries: int
    sizes: Mapping[str, int]
    """Bytes by table and index."""
    dead: Mapping[str, int]
    """Dead rows by table, as PostgreSQL estimates them."""
    autovacuums: Mapping[str, int]
    seconds: float
    """What the stage took."""
    load: float
