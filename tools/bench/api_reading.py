"""One reading of `api`: one load on one candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.bench.load import Load


@dataclass(frozen=True, kw_only=True)
class ApiReading:
    candidate: str
    scenario: str
    """idle, without workers; idle, with workers; during a send of 50,000."""
    rate: int | None
    """Requests a second, sent at fixed times; None for a closed loop."""
    round: int
    seconds: float
    answered: int
    per_second: float
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    late_p99_ms: float | None
    """How late the load generator sent requests. The latencies include it."""
    stored: int
    """How many requests were stored. It must equal the number of successful answers."""
    errors: Mapping[str, int]
    cpu_seconds: Mapping[str, float]
    outlasted: bool | None = None
    """Whether the large send was still running after the last request; None without a large send."""

    @classmethod
    def of(cls, load: Load, **named: Any) -> ApiReading:
        """Return the reading of a load; `named` are the fields that the load does not contain."""
        return cls(
            seconds=round(load.seconds, 3),
            answered=len(load.latencies_ms),
            per_second=round(load.per_second, 1),
            p50_ms=load.latency_ms(50),
            p90_ms=load.latency_ms(90),
            p95_ms=load.latency_ms(95),
            p99_ms=load.latency_ms(99),
            max_ms=load.latency_ms(100),
            late_p99_ms=load.lateness_ms(99),
            errors=load.errors,
            **named,
        )

    def __str__(self) -> str:
        rate = "saturation" if self.rate is None else f"{self.rate}/s"
        errors = f" ERRORS {dict(self.errors)}" if self.errors else ""
        lost = f" STORED {self.stored} of {self.answered}" if self.stored != self.answered else ""
        ended = " (the large send ended first)" if self.outlasted is False else ""
        return (
            f"{self.candidate:>9} {self.scenario}, {rate}, round {self.round}: {self.per_second:,.0f}/s, "
            f"p50 {self.p50_ms} p95 {self.p95_ms} p99 {self.p99_ms} max {self.max_ms} ms{errors}{lost}{ended}"
        )
