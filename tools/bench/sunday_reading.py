"""What `bin/bench sunday` reads of one scenario in one round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.bench.percentiles import percentile


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """So many churches whose messages become due at the same moment, each with a sender of its own."""

    churches: int
    pace: float | None
    """Segments a second of each sender; None: no pace."""
    members: int
    lead_seconds: float
    """From the moment the messages are due to the beginning of the window in which paces are measured."""
    window_seconds: float

    @property
    def label(self) -> str:
        pace = "without a pace" if self.pace is None else f"at {self.pace:g} segment{'s' * (self.pace > 1)}/s each"
        return f"{self.churches:,} churches of {self.members} {pace}"


@dataclass(frozen=True, kw_only=True)
class SundayReading:
    scenario: str
    churches: int
    pace: float | None
    members: int
    round: int
    window_seconds: float
    shares: Mapping[str, float]
    """Of the paced churches: `slowest`, `p5`, `median` share of the pace, and `most`, the greatest rate of any church
    in any 10 seconds, as a share too. Empty without a pace."""
    delivered: int
    expected: int
    delivered_per_second: float
    """From the moment the messages were due to the last receipt applied."""
    receipts_lag_seconds: float
    """From the last callback stored to the last receipt applied."""
    cpu_ms_per_text: Mapping[str, float]
    """Of each group of processes, for one delivered text, the carrier's apart."""
    carrier_ms_per_text: float
    redis_bytes_more: int
    jobs_waiting_most: int
    """In all queues together, as sampled twice a second."""
    small_waits_ms: Sequence[float]
    """Churches of 20 without a pace that send in the middle of it: from the POST to the acceptance of the last text."""
    accepted: Sequence[tuple[float, int]]
    """(seconds since the messages were due, texts accepted by the carrier so far)."""
    errors: Mapping[str, int]
    repeated: int
    """People with more than one text."""

    @property
    def product_ms_per_text(self) -> float:
        """CPU of all the product's processes, PostgreSQL and Redis included."""
        return sum(self.cpu_ms_per_text.values())

    def __str__(self) -> str:
        paced = "".join(f"{name} {100 * share:.1f}% of the pace, " for name, share in self.shares.items())
        small = f"{percentile(self.small_waits_ms, 95):,.0f}" if self.small_waits_ms else "–"
        wrong = f" ERRORS {dict(self.errors)}" if self.errors else ""
        wrong += f" REPEATED {self.repeated}" if self.repeated else ""
        missing = f" of {self.expected:,}" if self.delivered != self.expected else ""
        return (
            f"{self.scenario}, round {self.round}: {paced}{self.delivered:,}{missing} delivered, "
            f"{self.delivered_per_second:,.0f}/s, receipts {self.receipts_lag_seconds:.1f} s behind; CPU "
            f"{self.product_ms_per_text:.2f} ms a text (carrier {self.carrier_ms_per_text:.2f}); Redis "
            f"+{self.redis_bytes_more / 2**20:.1f} MiB, at most {self.jobs_waiting_most} jobs waiting; "
            f"small churches p95 {small} ms{wrong}"
        )
