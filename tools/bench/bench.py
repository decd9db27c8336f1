"""What every part is given to measure with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.bench.machine import Machine
from tools.bench.options import Options
from tools.bench.results import Reading
from tools.local.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class Bench:
    machine: Machine
    options: Options
    terminal: Terminal
    record: Callable[[Reading], None]
    """Keeps a reading, at once."""

    @property
    def latency_ms(self) -> float:
        """Of the carrier's answers, where the part has no other default."""
        return 100.0 if self.options.latency_ms is None else self.options.latency_ms
