"""What sending, reading and pruning cost beside old deliveries, and the sizes of the tables."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench.history_reading import SendingReading, SizeReading, StatementReading
from tools.bench.percentiles import median
from tools.bench.results import Reading
from tools.bench.tables.markdown import number, table

_PER_TEXT = ("expand", "claim", "record results", "store receipts", "apply receipts")
_NOTHING, _PRUNE = "nothing", "prune"
_TABLES = ("deliveries", "receipts")


def lines(readings: Sequence[Reading]) -> list[str]:
    sendings = [SendingReading(**reading) for reading in readings if reading["kind"] == "sending"]
    statements = [StatementReading(**reading) for reading in readings if reading["kind"] == "statement"]
    sizes = [SizeReading(**reading) for reading in readings if reading["kind"] == "size"]
    columns = sorted(
        {(reading.deliveries, reading.meanwhile) for reading in sendings}, key=lambda c: (c[0], c[1] == _PRUNE)
    )
    return [
        *table(
            ["server time beside", *(f"{rows:,}{', pruning' if what == _PRUNE else ''}" for rows, what in columns)],
            [
                *(_row(name, columns, statements, sendings) for name in _names(statements)),
                [
                    "PostgreSQL's CPU, µs a text",
                    *(number(median([_postgres_us(r) for r in _of(sendings, column)])) for column in columns),
                ],
                ["load of the machine", *(number(max(r.load for r in _of(sendings, column))) for column in columns)],
            ],
        ),
        "",
        *(
            f"{_pruned(rows, statements)}"
            for rows in sorted({r.deliveries for r in statements if r.meanwhile == "prune, whole week"})
        ),
        "",
        *table(
            ["stage", "deliveries, GB", "its indexes", "receipts", "its indexes", "dead deliveries", "seconds", "load"],
            [_size_row(reading) for reading in sizes],
        ),
    ]


def _names(statements: Sequence[StatementReading]) -> list[str]:
    return list(dict.fromkeys(r.name for r in statements if r.meanwhile == _NOTHING))


def _row(
    name: str,
    columns: Sequence[tuple[int, str]],
    statements: Sequence[StatementReading],
    sendings: Sequence[SendingReading],
) -> list[str]:
    """Microseconds a text for what each text needs, milliseconds a call for the rest."""
    cells: list[str] = []
    for column in columns:
        found = [r for r in statements if (r.deliveries, r.meanwhile) == column and r.name == name]
        sent = _of(sendings, column)[0].sent
        values = [1000 * r.total_ms / sent if name in _PER_TEXT else r.ms for r in found]
        cells.append(number(median(values)) if values else "–")
    return [f"{name}, {'µs a text' if name in _PER_TEXT else 'ms'}", *cells]


def _pruned(rows: int, statements: Sequence[StatementReading]) -> str:
    parts = [
        f"{r.name}: {r.calls:,} statements of {number(r.ms)} ms"
        for r in statements
        if r.deliveries == rows and r.meanwhile == "prune, whole week"
    ]
    return f"Pruning the oldest week of {rows:,}: {'; '.join(parts)}."


def _size_row(reading: SizeReading) -> list[str]:
    cells: list[str] = []
    for name in _TABLES:
        indexes = sum(size for each, size in reading.sizes.items() if each.startswith(f"{name}_"))
        cells += [number(reading.sizes.get(name, 0) / 1e9), number(indexes / 1e9)]
    return [
        f"{reading.deliveries:,}: {reading.stage}",
        *cells,
        f"{reading.dead.get('deliveries', 0):,}",
        number(reading.seconds),
        number(reading.load),
    ]


def _of(sendings: Sequence[SendingReading], column: tuple[int, str]) -> list[SendingReading]:
    return [reading for reading in sendings if (reading.deliveries, reading.meanwhile) == column]


def _postgres_us(reading: SendingReading) -> float:
    return 1e6 * reading.cpu_seconds["postgres"] / reading.sent
