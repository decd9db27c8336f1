"""The table and the picture of many paced churches at once."""

from __future__ import annotations

from dataclasses import asdict, replace
from xml.etree import ElementTree

import pytest

from tools.bench.plot_sunday import draw_acceptances
from tools.bench.sunday_reading import Scenario, SundayReading
from tools.bench.tables import sunday

PACED = SundayReading(
    scenario="1,500 churches of 40 at 1 segment/s each",
    churches=1_500,
    pace=1.0,
    members=40,
    round=1,
    window_seconds=30.0,
    shares={"slowest": 0.17, "p5": 0.2, "median": 0.25, "most": 1.1},
    delivered=60_400,
    expected=60_400,
    delivered_per_second=158.0,
    receipts_lag_seconds=1.5,
    cpu_ms_per_text={
        "sms workers": 3.8, "api": 2.5, "postgres": 2.2, "analytics worker": 0.9, "valkey": 0.9, "clock": 0.1
    },
    carrier_ms_per_text=0.5,
    redis_bytes_more=2**21,
    jobs_waiting_most=981,
    small_waits_ms=[100.0, 900.0],
    accepted=[(-0.5, 0), (0.5, 80), (10.0, 1_600)],
    errors={},
    repeated=0,
)  # fmt: skip
UNPACED = replace(PACED, scenario="1,500 churches of 40 without a pace", pace=None, shares={})


def test_each_scenario_has_a_column_of_medians_over_its_rounds() -> None:
    faster = replace(PACED, round=2, shares={**PACED.shares, "slowest": 0.21}, jobs_waiting_most=900)

    lines = sunday.lines([asdict(PACED), asdict(faster), asdict(UNPACED)])

    assert lines[0] == f"|  | {PACED.scenario} | {UNPACED.scenario} |"
    assert "| of its pace: the slowest church | 19.0% | – |" in lines
    assert "| CPU ms a delivered text, the product | 10.4 | 10.4 |" in lines
    assert "| jobs waiting at most | 981 | 981 |" in lines


@pytest.mark.parametrize(
    "change", [{"delivered": 60_399}, {"repeated": 1}, {"errors": {"503": 2}}], ids=lambda change: next(iter(change))
)
def test_a_round_in_which_something_went_wrong_is_named(change: dict[str, object]) -> None:
    wrong = replace(PACED, **change)

    assert any(line.startswith(f"- {PACED.scenario}, round 1: ") for line in sunday.lines([asdict(wrong)]))
    assert not any(line.startswith("- ") for line in sunday.lines([asdict(PACED)]))


def test_the_picture_shows_what_was_reached_and_where_there_is_a_pace_what_was_allowed() -> None:
    picture = ElementTree.fromstring(draw_acceptances([PACED, UNPACED]))  # noqa: S314 - our own

    classes = [line.get("class") for line in picture.iter("{http://www.w3.org/2000/svg}polyline")]
    assert classes.count("reached") == 2
    assert classes.count("allowed") == 1


@pytest.mark.parametrize(
    ("pace", "label"),
    [
        (0.1, "1,500 churches of 4 at 0.1 segment/s each"),
        (3.0, "1,500 churches of 4 at 3 segments/s each"),
        (None, "1,500 churches of 4 without a pace"),
    ],
)
def test_a_scenario_is_named_for_its_churches_and_their_pace(pace: float | None, label: str) -> None:
    scenario = Scenario(churches=1_500, pace=pace, members=4, lead_seconds=1.0, window_seconds=1.0)

    assert scenario.label == label
