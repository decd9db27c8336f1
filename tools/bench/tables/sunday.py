"""Many churches at once, each at its own pace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.bench.percentiles import median, percentile
from tools.bench.results import Reading
from tools.bench.sunday_reading import SundayReading
from tools.bench.tables.markdown import number, table


def lines(readings: Sequence[Reading]) -> list[str]:
    everyone = [SundayReading(**reading) for reading in readings]
    scenarios = list(dict.fromkeys(reading.scenario for reading in everyone))
    columns = [[r for r in everyone if r.scenario == scenario] for scenario in scenarios]
    rows = [[title, *(cell(column) for column in columns)] for title, cell in _ROWS]
    wrong = [
        f"- {r.scenario}, round {r.round}: {r.delivered:,} of {r.expected:,} delivered, "
        f"{r.repeated} people with several texts, {dict(r.errors)}"
        for r in everyone
        if r.errors or r.repeated or r.delivered != r.expected
    ]
    return [*table(["", *scenarios], rows), *(["", "Readings with something wrong:", "", *wrong] if wrong else [])]


def _share(name: str) -> Callable[[Sequence[SundayReading]], str]:
    def cell(readings: Sequence[SundayReading]) -> str:
        shares = [reading.shares[name] for reading in readings if name in reading.shares]
        return f"{100 * median(shares):.1f}%" if shares else "–"

    return cell


def _median(of: Callable[[SundayReading], float]) -> Callable[[Sequence[SundayReading]], str]:
    return lambda readings: number(median([of(reading) for reading in readings]))


def _most(of: Callable[[SundayReading], float]) -> Callable[[Sequence[SundayReading]], str]:
    return lambda readings: number(max(of(reading) for reading in readings))


_ROWS: Sequence[tuple[str, Callable[[Sequence[SundayReading]], str]]] = (
    ("of its pace: the slowest church", _share("slowest")),
    ("… the slowest twentieth", _share("p5")),
    ("… the median", _share("median")),
    ("… the most in any stretch that allows 10 texts", _share("most")),
    ("delivered, a second", _median(lambda r: r.delivered_per_second)),
    ("last receipt applied after the last callback, s", _median(lambda r: r.receipts_lag_seconds)),
    ("CPU ms a delivered text, the product", _median(lambda r: r.product_ms_per_text)),
    ("… of it workers", _median(lambda r: r.cpu_ms_per_text["sms workers"])),
    ("… web", _median(lambda r: r.cpu_ms_per_text["api"])),
    ("… PostgreSQL", _median(lambda r: r.cpu_ms_per_text["postgres"])),
    ("… analytics", _median(lambda r: r.cpu_ms_per_text["analytics worker"])),
    ("… Redis", _median(lambda r: r.cpu_ms_per_text["valkey"])),
    ("CPU ms a text, the carrier", _median(lambda r: r.carrier_ms_per_text)),
    ("Redis, MiB more at most", _most(lambda r: r.redis_bytes_more / 2**20)),
    ("jobs waiting at most", _most(lambda r: r.jobs_waiting_most)),
    ("a church of 20 without a pace meanwhile, p95 ms", _median(lambda r: percentile(r.small_waits_ms, 95))),
)
