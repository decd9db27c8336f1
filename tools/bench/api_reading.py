"""One load on one way of answering POST /api/messages/send."""

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
    """Requests a second, sent at set times. None: closed loop, as many as are answered."""
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
    """How late the load generator itself was; it is in the latencies."""
    stored: int
    """As many must be in the ledger, or on the queue, as were answered well."""
    errors: Mapping[str, int]
    cpu_seconds: Mapping[str, float]
    outlasted: bool | None = None
    """Whether the large send went on until after the last request. None where there was none."""

    @classmethod
    def of(cls, load: Load, **named: Any) -> ApiReading:
        """What the load came to; `named` are the fields that it does not know."""
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
