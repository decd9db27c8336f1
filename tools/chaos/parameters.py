"""What a run is asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ablation(StrEnum):
    """A part of the product's safety that is taken away, to see that the run then fails."""

    RECONCILE = "reconcile"
    """What may have been sent is simply sent again, without asking the carrier. Must end in doubles."""
    SWEEP = "sweep"
    """No clock: nothing rings for what was left lying. Must end in losses."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """How much is sent, and how often what goes wrong. The same parameters give the same plan."""

    seed: int = 1
    deliveries: int = 5_000
    churches: int = 4
    mischief_seconds: float = 60.0
    """How long things go wrong. Messages are accepted during the first four fifths of it."""
    kills: int = 20
    redis_restarts: int = 2
    flushes: int = 1
    postgres_restarts: int = 1
    redis_stalls: int = 1
    """Times that Redis stands still and then goes on."""
    postgres_stalls: int = 1
    """The same of PostgreSQL."""
    episodes: int = 12
    """Times in which the carrier misbehaves, one after the other."""
    mail_episodes: int = 10
    """The same of the mail server."""
    requeues: int = 4
    schedules: int = 12
    """Each comes to its run once."""
    set_backs: int = 3
    """Schedules that have had their run and are told that it comes next."""
    stalls: int = 0
    """Workers that stand still between their claim and its submission, and then go on where they were."""
    stall_seconds: float = 20.0
    """Longer than a lease, and than reconciliation takes after it."""
    ablations: frozenset[Ablation] = frozenset()

    @property
    def posting_seconds(self) -> float:
        return 0.8 * self.mischief_seconds

    @property
    def trap_patience_seconds(self) -> float:
        """How long a trap waits for those that it is meant for."""
        return min(5.0, 0.1 * self.mischief_seconds)
