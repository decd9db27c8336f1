"""How long small churches wait, when idle and during a large send."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench.fairness import FairnessReading
from tools.bench.percentiles import median, percentile
from tools.bench.results import Reading
from tools.bench.tables.markdown import number, table

_HEAD = ("to the carrier's last acceptance, p50 ms", "p95", "max", "until it is recorded, p50 ms", "p95", "max")


def lines(readings: Sequence[Reading]) -> list[str]:
    all_readings = [FairnessReading(**reading) for reading in readings]
    scenarios = list(dict.fromkeys(reading.scenario for reading in all_readings))
    remarks = [
        f"- {r.scenario}, round {r.round}: the large send ended first" for r in all_readings if r.outlasted is False
    ]
    remarks += [f"- {r.scenario}, round {r.round}: {dict(r.errors)}" for r in all_readings if r.errors]
    rows = [_row(scenario, [r for r in all_readings if r.scenario == scenario]) for scenario in scenarios]
    return [*table(["", *_HEAD], rows), *(["", *remarks] if remarks else [])]


def _row(scenario: str, readings: Sequence[FairnessReading]) -> list[str]:
    """Return the medians over the rounds of the percentiles of each round."""
    cells: list[str] = []
    for waits in ([r.waits_ms for r in readings], [r.recorded_ms for r in readings]):
        cells += [number(median([percentile(each, percent) for each in waits])) for percent in (50, 95, 100)]
    return [scenario, *cells]
