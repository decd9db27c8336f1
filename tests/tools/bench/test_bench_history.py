"""The tables of `history`, from readings."""

from __future__ import annotations

from dataclasses import asdict

from tools.bench.history_reading import SendingReading, SizeReading, StatementReading
from tools.bench.tables import history


def sending(*, deliveries: int, meanwhile: str, postgres: float) -> SendingReading:
    return SendingReading(
        deliveries=deliveries,
        meanwhile=meanwhile,
        sent=1000,
        seconds=2.0,
        cpu_seconds={"postgres": postgres},
        pruned=0,
        load=1.5,
    )


def statement(name: str, *, deliveries: int, meanwhile: str, calls: int, total_ms: float) -> StatementReading:
    return StatementReading(
        deliveries=deliveries, meanwhile=meanwhile, name=name, calls=calls, rows=calls, total_ms=total_ms
    )


def test_costs_are_a_text_or_a_call_and_stand_beside_each_other() -> None:
    readings = [
        sending(deliveries=0, meanwhile="nothing", postgres=0.3),
        statement("claim", deliveries=0, meanwhile="nothing", calls=10, total_ms=100),
        statement("page of messages", deliveries=0, meanwhile="nothing", calls=10, total_ms=5),
        sending(deliveries=5000, meanwhile="nothing", postgres=0.4),
        statement("claim", deliveries=5000, meanwhile="nothing", calls=20, total_ms=200),
        sending(deliveries=5000, meanwhile="prune", postgres=0.5),
        statement("delete deliveries", deliveries=5000, meanwhile="prune, whole week", calls=7, total_ms=14),
    ]

    lines = history.lines([asdict(reading) for reading in readings])

    assert lines[0] == "| server time beside | 0 | 5,000 | 5,000, pruning |"
    assert "| claim, µs a text | 100 | 200 | – |" in lines
    assert "| page of messages, ms | 0.50 | – | – |" in lines
    assert "| PostgreSQL's CPU, µs a text | 300 | 400 | 500 |" in lines
    assert "Pruning the oldest week of 5,000: delete deliveries: 7 statements of 2.00 ms." in lines


def test_sizes_are_of_tables_and_of_their_indexes() -> None:
    reading = SizeReading(
        stage="filled",
        deliveries=5000,
        sizes={
            "deliveries": 2_000_000_000,
            "deliveries_page": 500_000_000,
            "deliveries_of_address": 250_000_000,
            "receipts": 1,
        },
        dead={"deliveries": 12_345},
        autovacuums={},
        seconds=3.0,
        load=1.0,
    )

    lines = history.lines([asdict(reading)])

    assert lines[-1] == "| 5,000: filled | 2.00 | 0.75 | 0.000 | 0 | 12,345 | 3.00 | 1.00 |"
