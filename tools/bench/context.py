"""What every part of bin/bench needs: servers, options, terminal output and the result file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.bench.machine import Machine
from tools.bench.options import Options
from tools.bench.results import Reading
from tools.local.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class BenchContext:
    machine: Machine
    options: Options
    terminal: Terminal
    record: Callable[[Reading], None]
    """Writes a reading to the result file at once."""

    @property
    def latency_ms(self) -> float:
        """The latency of the carrier's answers, for parts without a default of their own."""
        return 100.0 if self.options.latency_ms is None else self.options.latency_ms
