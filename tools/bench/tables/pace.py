"""How close senders come to their rate limits."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench.pace import WINDOW_SECONDS, PaceReading
from tools.bench.percentiles import median
from tools.bench.results import Reading
from tools.bench.tables.markdown import number, table
from tools.bench.tables.send import TITLES


def lines(readings: Sequence[Reading]) -> list[str]:
    all_readings = [PaceReading(**reading) for reading in readings]
    head = [
        "",
        "processes",
        "allowed, segments/s",
        "achieved",
        "of the allowed",
        f"most in any {WINDOW_SECONDS:.0f} s, a second",
        "",
    ]
    return table(
        head,
        [
            _row([r for r in all_readings if (r.candidate, r.allowed) == (candidate, pace)])
            for candidate, pace in dict.fromkeys((r.candidate, r.allowed) for r in all_readings)
        ],
    )


def _row(readings: Sequence[PaceReading]) -> list[str]:
    allowed = readings[0].allowed
    achieved = median([reading.per_second for reading in readings])
    most = max(reading.window_per_second for reading in readings)
    return [
        TITLES[readings[0].candidate],
        str(readings[0].processes),
        number(allowed),
        number(achieved),
        _percent(achieved / allowed),
        number(most),
        _percent(most / allowed),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
