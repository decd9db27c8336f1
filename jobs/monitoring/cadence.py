"""How often watchers check, and for how long one of them leads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Cadence:
    """All times in seconds, from the beginning of one round to the next."""

    check: float = 10.0
    suspicion: float = 5.0
    """Instead of `check`, when something was found that is no incident yet."""
    standby: float = 5.0
    """How often a watcher without the lease tries to take it."""
    lease: float = 15.0
    """Longer than a round takes: a watcher that is killed or stopped is replaced after this."""
    start: float = 45.0
    """For so long after its own start a watcher does not miss the clock and workers: they may be starting too."""
    step: float = 0.5
    """How often notices are looked after."""


EVERY_TEN_SECONDS = Cadence()
