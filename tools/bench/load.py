"""Planned requests to an HTTP server, and their results."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.bench.http_connection import LOST, HttpConnection
from tools.bench.percentiles import percentile

ANSWER_TIMEOUT_SECONDS = 60.0
"""Requests that are not answered this long after the last one was sent count as lost."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A request and the time to send it, in seconds from the start."""

    at_seconds: float
    request: bytes


@dataclass(kw_only=True)
class Load:
    """The results. Latencies are in milliseconds, from the planned time of a request to the end of its answer."""

    began_at: float = field(default_factory=time.time)
    """The start of the plan, in seconds since the epoch."""
    latencies_ms: list[float] = field(default_factory=list[float])
    """For answers with a 2xx status."""
    late_ms: list[float] = field(default_factory=list[float])
    """How much later than planned each request was sent. The latency includes it."""
    answers: Counter[int] = field(default_factory=Counter[int])
    """The number of answers by HTTP status; LOST without an answer."""
    seconds: float = 0.0
    """From the start to the last answer."""

    @property
    def errors(self) -> dict[str, int]:
        return {_name(status): count for status, count in self.answers.items() if count and not 200 <= status < 300}

    @property
    def per_second(self) -> float:
        """Successful answers a second."""
        return len(self.latencies_ms) / self.seconds if self.seconds else 0.0

    def lateness_ms(self, percent: float) -> float | None:
        """Return the percentile of how late requests were sent; None for a closed loop, which has no plan."""
        return round(percentile(self.late_ms, percent), 2) if self.late_ms else None

    def record(self, status: int, latency_ms: float) -> None:
        """Record one answer."""
        self.answers[status] += 1
        if 200 <= status < 300:
            self.latencies_ms.append(latency_ms)

    def latency_ms(self, percent: float) -> float | None:
        """Return the percentile of the latencies; None without a successful answer."""
        return round(percentile(self.latencies_ms, percent), 2) if self.latencies_ms else None


@dataclass(frozen=True, kw_only=True)
class Address:
    """The address of a server."""

    host: str = "127.0.0.1"
    port: int
    tls: bool = False


async def connect(address: Address, on_answer: Callable[[HttpConnection, int], None]) -> HttpConnection:
    """Open a connection. Raises OSError."""
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context() if address.tls else None
    _, connection = await loop.create_connection(lambda: HttpConnection(on_answer), address.host, address.port, ssl=tls)
    return connection


def _name(status: int) -> str:
    return "no answer" if status == LOST else str(status)
