"""The cost of a send by its size and by the old deliveries in the table, and the time of an expansion."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench.expansion import ExpansionReading
from tools.bench.growth import GrowthReading
from tools.bench.percentiles import median
from tools.bench.results import Reading
from tools.bench.tables.markdown import number, table

_HEAD = ("sends/s", "CPU ms a send: worker", "PostgreSQL", "Redis, KiB more at most", "jobs waiting at most")


def lines(readings: Sequence[Reading]) -> list[str]:
    sends = [GrowthReading(**reading) for reading in readings if reading["kind"] == "send"]
    by_size = [reading for reading in sends if not reading.old_deliveries]
    by_old = [reading for reading in sends if reading.old_deliveries]
    problems = [
        f"- {r.size:,} beside {r.old_deliveries:,} old, round {r.round}: {r.problem}" for r in sends if r.problem
    ]
    return [
        *table(["recipients", *_HEAD], [_row(by_size, size=size) for size in sorted({r.size for r in by_size})]),
        "",
        *table(
            [f"old deliveries beside {_size_of(by_old)}", *_HEAD],
            [_row(by_old, old=old) for old in sorted({r.old_deliveries for r in by_old})],
        ),
        *_expansions([ExpansionReading(**reading) for reading in readings if reading["kind"] == "expansion"]),
        *(["", "Readings with something wrong:", "", *problems] if problems else []),
    ]


def _row(readings: Sequence[GrowthReading], *, size: int | None = None, old: int | None = None) -> list[str]:
    of_it = [r for r in readings if size in (None, r.size) and old in (None, r.old_deliveries)]
    return [
        f"{size if size is not None else old:,}",
        number(median([r.per_second for r in of_it])),
        number(median([r.worker_ms_per_send for r in of_it])),
        number(median([r.postgres_ms_per_send for r in of_it])),
        number(max(r.redis_bytes_peak - r.redis_bytes_before for r in of_it) / 1024),
        str(max(r.deepest_queue for r in of_it)),
    ]


def _size_of(readings: Sequence[GrowthReading]) -> str:
    sizes = sorted({reading.size for reading in readings})
    return " or ".join(f"{size:,}" for size in sizes) + " recipients"


def _expansions(readings: Sequence[ExpansionReading]) -> list[str]:
    if not readings:
        return []
    ratio = median([reading.product_ms / reading.bare_ms for reading in readings])
    return [
        "",
        f"Writing {readings[-1].recipients:,} deliveries: {number(median([r.product_ms for r in readings]))} ms, "
        f"commit included; a bare `INSERT … SELECT` of the same rows into a table with a primary key, a unique and a "
        f"partial index: {number(median([r.bare_ms for r in readings]))} ms ({number(ratio)} times).",
    ]
