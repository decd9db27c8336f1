"""What a run is asked to do: how much is sent, on which channels, and which faults are injected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MAIL = "mail"
"""The one channel with subjects, and without receipts."""
CHANNEL_SHARES: Mapping[str, float] = {"sms": 0.6, MAIL: 0.25, "mms": 0.15}
"""The share of the messages that is sent on each channel."""


class Ablation(StrEnum):
    """A part of the product's safety that is disabled to show that the run then fails."""

    RECONCILE = "reconcile"
    """Deliveries in doubt are sent again without a look-up at the carrier. The run must report doubled ones."""
    OPT_OUTS = "opt-outs"
    """The claim does not look for opt-outs. The run must report people who were written to after their STOP."""
    SWEEP = "sweep"
    """No clock runs, so nothing enqueues work whose job was lost. The run must report lost deliveries."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """How much is sent, and how many faults of each kind. The same parameters give the same plan."""

    seed: int = 1
    deliveries: int = 5_000
    churches: int = 4
    paced_churches: int = 20
    """Small churches with a pace, served together during the whole run. Their deliveries are not among `deliveries`."""
    opt_outs: int = 40
    """How many people write to their church, most of them STOP."""
    fault_seconds: float = 60.0
    """How long faults are injected. The clients send their requests during the first four fifths of it."""
    kills: int = 20
    redis_restarts: int = 2
    flushes: int = 1
    postgres_restarts: int = 1
    redis_stalls: int = 1
    """How often Redis is stopped (SIGSTOP) and resumed."""
    postgres_stalls: int = 1
    """The same for PostgreSQL."""
    episodes: int = 12
    """How often the carrier misbehaves, one episode after the other."""
    mail_episodes: int = 10
    """The same for the mail server."""
    requeues: int = 4
    """How often all failed jobs are requeued."""
    schedules: int = 12
    """Each is due once in the run."""
    set_backs: int = 3
    """How many schedules are made due again for a run that has already happened."""
    stalls: int = 0
    """How many workers stall between a claim and its submission, and then continue."""
    stall_seconds: float = 20.0
    """Longer than the lease and the reconciliation after it."""
    ablations: frozenset[Ablation] = frozenset()

    @property
    def has_paces(self) -> bool:
        """Without a clock nothing enqueues a paced batch whose job was lost, so no church has a pace then."""
        return Ablation.SWEEP not in self.ablations

    @property
    def request_seconds(self) -> float:
        """How long the clients send requests."""
        return 0.8 * self.fault_seconds

    @property
    def any_queue_after_seconds(self) -> float:
        """How long a failpoint armed for one queue is left to the workers of that queue."""
        return min(5.0, 0.1 * self.fault_seconds)
