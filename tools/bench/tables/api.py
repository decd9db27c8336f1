"""Latencies of POST /api/messages/send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tools.bench.api_reading import ApiReading
from tools.bench.peers.table import EXPRESS
from tools.bench.percentiles import median
from tools.bench.results import Reading
from tools.bench.send_reading import PRODUCT
from tools.bench.tables.markdown import number, table

_NAMES = {PRODUCT: "Koinonia SMS", EXPRESS: "Express + BullMQ on Node, 2 processes"}
_HEAD = ("load", "answers/s", "p50 ms", "p90", "p95", "p99", "max", "errors", "API CPU ms a request")


def lines(readings: Sequence[Reading]) -> list[str]:
    all_readings = [ApiReading(**reading) for reading in readings]
    rows: list[list[str]] = []
    for name in _NAMES:
        for scenario in dict.fromkeys(r.scenario for r in all_readings if r.candidate == name):
            of_it = [r for r in all_readings if (r.candidate, r.scenario) == (name, scenario)]
            rows += [_row(name, scenario, rate, of_it) for rate in dict.fromkeys(r.rate for r in of_it)]
    return [*table(["", *_HEAD], rows), *_remarks(all_readings)]


def _row(name: str, scenario: str, rate: int | None, readings: Sequence[ApiReading]) -> list[str]:
    of_it = [reading for reading in readings if reading.rate == rate]
    errors = sum((Counter(reading.errors) for reading in of_it), Counter[str]())
    return [
        f"{_NAMES[name]}, {scenario}",
        "saturation" if rate is None else f"{rate}/s",
        _median(of_it, lambda r: r.per_second),
        _median(of_it, lambda r: r.p50_ms),
        _median(of_it, lambda r: r.p90_ms),
        _median(of_it, lambda r: r.p95_ms),
        _median(of_it, lambda r: r.p99_ms),
        number(max((r.max_ms for r in of_it if r.max_ms is not None), default=None)),
        str(errors.total()),
        _median(of_it, lambda r: 1000 * r.cpu_seconds["api"] / r.answered if r.answered else None),
    ]


def _median(readings: Sequence[ApiReading], of: Callable[[ApiReading], float | None]) -> str:
    found = [value for reading in readings if (value := of(reading)) is not None]
    return number(median(found)) if found else "–"


def _remarks(readings: Sequence[ApiReading]) -> list[str]:
    remarks = [
        f"- {_NAMES[r.candidate]}, {r.scenario}, {r.rate or 'saturation'}, round {r.round}: {remark}"
        for r in readings
        for remark in (
            "the large send ended before the last request" if r.outlasted is False else None,
            f"{r.answered:,} answered successfully, {r.stored:,} stored" if r.stored < r.answered else None,
        )
        if remark
    ]
    return ["", *remarks] if remarks else []
