"""What is asked of an HTTP server, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.bench.http_connection import LOST, HttpConnection
from tools.bench.percentiles import percentile

PATIENCE_SECONDS = 60.0
"""After the last request was sent; what is not answered then counts as lost."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A request and when it is to be sent, in seconds from the beginning."""

    at_seconds: float
    request: bytes


@dataclass(kw_only=True)
class Load:
    """What came of it. Latencies are in milliseconds, from when the request was to be sent to the end of its answer."""

    began_at: float = field(default_factory=time.time)
    """Seconds since the epoch: the zero of the plan."""
    latencies_ms: list[float] = field(default_factory=list[float])
    """Of answers with a 2xx status."""
    late_ms: list[float] = field(default_factory=list[float])
    """How much later than planned each request left; it is in the latency."""
    answers: Counter[int] = field(default_factory=Counter[int])
    """By HTTP status; LOST for none."""
    seconds: float = 0.0
    """From the beginning to the last answer."""

    @property
    def errors(self) -> dict[str, int]:
        return {_name(status): count for status, count in self.answers.items() if count and not 200 <= status < 300}

    @property
    def per_second(self) -> float:
        """Good answers."""
        return len(self.latencies_ms) / self.seconds if self.seconds else 0.0

    def lateness_ms(self, percent: float) -> float | None:
        """That percentile of the generator's own lateness; None in a closed loop, which has no plan."""
        return round(percentile(self.late_ms, percent), 2) if self.late_ms else None

    def note(self, status: int, latency_ms: float) -> None:
        """One more answer."""
        self.answers[status] += 1
        if 200 <= status < 300:
            self.latencies_ms.append(latency_ms)

    def latency_ms(self, percent: float) -> float | None:
        """That percentile; None without a good answer."""
        return round(percentile(self.latencies_ms, percent), 2) if self.latencies_ms else None


async def connect(port: int, on_answer: Callable[[HttpConnection, int], None]) -> HttpConnection:
    """A new connection to that port of this machine. Raises OSError."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: HttpConnection(on_answer), "127.0.0.1", port)
    return connection


def _name(status: int) -> str:
    return "no answer" if status == LOST else str(status)
