"""How fast callbacks are answered, stored and applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.bench.percentiles import median
from tools.bench.receipts import API_PER_SECOND, ReceiptsReading
from tools.bench.results import Reading
from tools.bench.tables.markdown import number, table


def lines(readings: Sequence[Reading]) -> list[str]:
    all_readings = [ReceiptsReading(**reading) for reading in readings]
    rows = [
        ["callbacks answered, a second", _median(all_readings, lambda r: r.callbacks_per_second)],
        ["receipts stored, a second", _median(all_readings, lambda r: r.stored_per_second)],
        ["receipts applied, a second", _median(all_readings, lambda r: r.applied_per_second)],
        [f"GET at {API_PER_SECOND // 2}/s meanwhile, p50 ms", _median(all_readings, lambda r: r.get_p50_ms)],
        ["… p99 ms", _median(all_readings, lambda r: r.get_p99_ms)],
        [f"POST at {API_PER_SECOND // 2}/s meanwhile, p50 ms", _median(all_readings, lambda r: r.post_p50_ms)],
        ["… p99 ms", _median(all_readings, lambda r: r.post_p99_ms)],
        ["callbacks retried by the carrier", _median(all_readings, lambda r: r.callbacks_retried)],
        ["callbacks given up", _median(all_readings, lambda r: r.callbacks_given_up)],
    ]
    unfinished = [f"- round {r.round}: {dict(r.statuses)}" for r in all_readings if set(r.statuses) != {"delivered"}]
    wrong = [f"- round {r.round}: {dict(r.api_errors)}" for r in all_readings if r.api_errors]
    ends = "Not all deliveries ended as delivered:" if unfinished else "All deliveries ended as delivered."
    sends = " or ".join(sorted({f"{r.sends:,}" for r in all_readings}))
    return [*table([f"{sends} texts, all callbacks at once", ""], rows), "", ends, *unfinished, *wrong]


def _median(readings: Sequence[ReceiptsReading], of: Callable[[ReceiptsReading], float | None]) -> str:
    found = [value for reading in readings if (value := of(reading)) is not None]
    return number(median(found)) if found else "–"
