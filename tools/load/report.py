"""Compares the figures of a load with their limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tools.bench.load import Load
from tools.load.redis_figures import RedisFigures
from tools.load.sent_texts import SentTexts

P95_MS, P99_MS = 300.0, 500.0
QUEUE_DEPTH = 1_000
MEMORY_BYTES = 200_000_000
TEXTS_OF_THE_LOAD = 500 / 600
"""500 texts a minute at the usual rate of 600. At another rate, the same part of it."""
_MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the report. `kept` is None if it was not measured, or has no limit."""

    name: str
    value: float | None
    unit: str
    limit: str
    kept: bool | None
    note: str = ""


def compare(load: Load, redis: RedisFigures | None, texts: SentTexts, *, messages: int, rate: float) -> list[Figure]:
    """Return the figures of a load of `messages`, `rate` a second."""
    return [
        *_of_requests(load, messages),
        _above("texts a minute", texts.per_minute, 60 * rate * TEXTS_OF_THE_LOAD),
        _exactly("texts submitted", texts.sent, len(load.latencies_ms)),
        *_of_redis(redis),
    ]


def _of_requests(load: Load, messages: int) -> Iterator[Figure]:
    errors = messages - len(load.latencies_ms)
    yield Figure(name="p50", value=load.latency_ms(50), unit=" ms", limit="", kept=None)
    yield _below("p95", load.latency_ms(95), P95_MS, " ms")
    yield _below("p99", load.latency_ms(99), P99_MS, " ms")
    note = ", ".join(f"{name}: {count}" for name, count in load.errors.items())
    yield Figure(name="errors", value=errors, unit="", limit="0", kept=errors == 0, note=note)


def _of_redis(redis: RedisFigures | None) -> Iterator[Figure]:
    names = ("queue depth", "Redis memory", "Redis clients", "evictions")
    if redis is None:
        for name in names:
            yield Figure(name=name, value=None, unit="", limit="", kept=None, note="not measured: REDIS_URL is not set")
        return
    yield _below("queue depth", redis.queue_depth, QUEUE_DEPTH)
    own = f"the server's limit: {redis.memory_limit_bytes / _MEGABYTE:.0f} MB" if redis.memory_limit_bytes else ""
    yield _below("Redis memory", redis.memory_bytes / _MEGABYTE, MEMORY_BYTES / _MEGABYTE, " MB", note=own)
    yield _below("Redis clients", redis.clients, redis.client_limit or float("inf"))
    yield Figure(name="evictions", value=redis.evictions, unit="", limit="0", kept=redis.evictions == 0)


def lines(figures: list[Figure]) -> Iterator[str]:
    """Yield a line for each figure, and the verdict."""
    marks = {True: "✅", False: "❌", None: "  "}
    for figure in figures:
        value = "–" if figure.value is None else f"{figure.value:,.1f}".removesuffix(".0") + figure.unit
        limit = f"(limit {figure.limit})" if figure.limit else ""
        yield f"{marks[figure.kept]} {figure.name:<16} {value:>12}  {limit} {figure.note}".rstrip()
    broken = [figure.name for figure in figures if figure.kept is False]
    yield f"❌ LIMITS NOT KEPT: {', '.join(broken)}" if broken else "✅ ALL LIMITS KEPT"


def as_json(figures: list[Figure]) -> dict[str, Any]:
    return {"kept": all_kept(figures), "figures": [asdict(figure) for figure in figures]}


def all_kept(figures: list[Figure]) -> bool:
    return not any(figure.kept is False for figure in figures)


def _below(name: str, value: float | None, limit: float, unit: str = "", *, note: str = "") -> Figure:
    """A figure that must be measured and below its limit."""
    return _figure(name, value, unit, "<", limit, kept=value is not None and value < limit, note=note)


def _above(name: str, value: float, limit: float) -> Figure:
    return _figure(name, value, "", ">", limit, kept=value > limit)


def _exactly(name: str, value: int, limit: int) -> Figure:
    return _figure(name, value, "", "=", limit, kept=value == limit)


def _figure(
    name: str, value: float | None, unit: str, sign: Literal["<", ">", "="], limit: float, *, kept: bool, note: str = ""
) -> Figure:
    return Figure(name=name, value=value, unit=unit, limit=f"{sign} {limit:,.0f}{unit}", kept=kept, note=note)
