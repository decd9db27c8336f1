"""Tables and chart, from readings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools.bench import plot, report
from tools.bench.expansion import ExpansionReading
from tools.bench.growth import GrowthReading
from tools.bench.pace import reading_of
from tools.bench.results import Reading, ResultFile, Run, load_runs
from tools.bench.send_reading import PRODUCT, WORKERS, SendReading
from tools.bench.tables import growth, pace, send
from tools.bench.tables.markdown import number


def reading(candidate: str, *, seconds: float, number: int = 1, size: int = 1000, cut: bool = False) -> SendReading:
    return SendReading(
        candidate=candidate,
        size=size,
        round=number,
        sent=size,
        seconds=seconds,
        cut=cut,
        cpu_seconds={WORKERS: seconds / 2, "postgres": 0.1},
    )


def run(*readings: Reading) -> Run:
    machine = {"cores": 2, "cpu": "A", "memory_gib": 1.0, "system": "Linux"}
    versions = {"python": "3.11", "postgresql": "18", "valkey": "9", "commit": "abc"}
    return Run(
        date="2026-01-02T03:04:05+00:00",
        command="bin/bench send",
        machine=machine,
        versions=versions,
        parameters={},
        readings=list(readings),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (0.0123, "0.012"), (0.5, "0.50"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_have_about_three_significant_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_rates_are_medians_and_ratios_compare_the_product_with_the_peer() -> None:
    readings = [
        *(reading(PRODUCT, seconds=seconds, number=n) for n, seconds in enumerate((1.0, 0.5, 0.4))),
        reading("celery", seconds=2.0),
        reading("rq", seconds=10.0, cut=True),
    ]

    lines = send.lines([asdict(each) for each in readings])

    [ours, celery, rq] = (
        next(line for line in lines if word in line) for word in ("Koinonia", "Celery", "RQ, its default")
    )
    assert ours.endswith("| 2,000 |")
    assert celery.endswith("| 500 (4.00×) |")
    assert rq.endswith("| 100† (20.0×) |")


def test_a_peer_that_could_not_be_installed_is_listed_as_a_problem() -> None:
    absent = SendReading.absent("huey", problem="cannot be installed: no network")

    lines = send.lines([asdict(reading(PRODUCT, seconds=1.0)), asdict(absent)])

    assert any("huey" in line and "no network" in line for line in lines)
    assert not any(line.startswith("| Huey") for line in lines)


def test_growth_has_tables_by_size_and_by_old_deliveries() -> None:
    def of(size: int, old: int, kib: int) -> Reading:
        return asdict(
            GrowthReading(
                round=1,
                size=size,
                old_deliveries=old,
                sent=size,
                seconds=1.0,
                per_second=float(size),
                cpu_seconds={},
                worker_ms_per_send=0.25,
                postgres_ms_per_send=0.05,
                redis_bytes_before=0,
                redis_bytes_peak=1024 * kib,
                deepest_queue=3,
                problem=None,
            )
        )

    expansion = ExpansionReading(round=1, recipients=50_000, product_ms=300.0, bare_ms=200.0)
    lines = growth.lines([of(1_000, 0, 5), of(1_000, 0, 7), of(10_000, 777, 9), asdict(expansion)])

    assert "| 1,000 | 1,000 | 0.25 | 0.050 | 7.00 | 3 |" in lines
    assert "| 777 | 10,000 | 0.25 | 0.050 | 9.00 | 3 |" in lines
    assert "(1.50 times)" in lines[-1]


def test_the_rate_is_measured_from_the_first_to_the_last_acceptance() -> None:
    found = reading_of([0.0, 1.0, 2.0, 4.0], allowed=1.0, number=1)

    assert found.per_second == 0.75
    assert "| 4 | 1.00 | 0.75 | 75.0% |" in pace.lines([asdict(found)])[2]


def test_a_table_replaces_only_the_text_between_its_markers() -> None:
    text = "a\n<!-- bench: send -->\nold\n<!-- end: send -->\nb\n"

    once = report.replace_between(text, "send", ["new"])

    assert once == "a\n<!-- bench: send -->\n\nnew\n\n<!-- end: send -->\nb\n"
    assert report.replace_between(once, "send", ["new"]) == once


def test_the_page_has_markers_for_every_part() -> None:
    text = report.PAGE.read_text()

    assert all(report.replace_between(text, part, ["x"]) for part in report.TABLES)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="pace"):
        report.replace_between("nothing here", "pace", [])


def test_readings_are_replaced_or_added(tmp_path: Path) -> None:
    for add, runs in ((False, 1), (True, 2), (False, 1)):
        file = ResultFile(tmp_path, "send", run(), add=add)
        file.add(asdict(reading(PRODUCT, seconds=1.0)))
        assert len(load_runs(tmp_path / "send.json")) == runs

    lines = report.table("send", tmp_path)
    assert any("1,000" in line for line in lines)
    assert "commit abc: `bin/bench send`" in lines[-1]


def test_without_readings_there_is_no_table(tmp_path: Path) -> None:
    assert report.table("send", tmp_path) == []


def test_the_chart_has_a_bar_for_each_candidate_and_size() -> None:
    readings = [reading(name, seconds=1.0, size=size) for name in (PRODUCT, "rq") for size in (1_000, 10_000)]

    picture = ElementTree.fromstring(plot.draw_rates(readings))  # noqa: S314 - our own

    assert len(picture.findall("{http://www.w3.org/2000/svg}rect")) == 4
