"""Figures are compared with the limits. One that is not kept shows in its line, in the verdict and in the status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tools.bench.load import Load
from tools.load.redis_figures import RedisFigures
from tools.load.report import all_kept, as_json, compare, lines
from tools.load.sent_texts import SentTexts

MESSAGES, RATE = 600, 10.0
QUIET = RedisFigures(
    queue_depth=4,
    memory_bytes=2_000_000,
    memory_limit_bytes=256_000_000,
    clients=17,
    client_limit=10_000,
    evictions=0,
)
SENT = SentTexts(sent=MESSAGES, per_minute=598.7)


def load(*, slow: int = 0, slow_ms: float = 0.0, refused: int = 0, lost: int = 0) -> Load:
    """Return 600 requests, `slow` of them this slow, and `refused` and `lost` of them without success."""
    made = Load()
    for number in range(MESSAGES - refused - lost):
        made.record(202, slow_ms if number < slow else 10.0)
    for _ in range(refused):
        made.record(503, 10.0)
    made.answers[0] += lost
    return made


def broken(**parts: Any) -> list[str]:
    """The names of the figures that are not kept."""
    values: dict[str, Any] = {"load": load(), "redis": QUIET, "texts": SENT, **parts}
    figures = compare(values["load"], values["redis"], values["texts"], messages=MESSAGES, rate=RATE)
    names = [figure.name for figure in figures if figure.kept is False]
    assert all_kept(figures) == (names == [])
    assert as_json(figures)["kept"] == all_kept(figures)
    return names


def test_a_good_run_keeps_every_limit() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({"load": load(slow=30, slow_ms=300.0)}, []),  # 5 %
        ({"load": load(slow=31, slow_ms=300.0)}, ["p95"]),
        ({"load": load(slow=6, slow_ms=500.0)}, []),  # 1 %
        ({"load": load(slow=7, slow_ms=500.0)}, ["p99"]),
        ({"load": load(refused=1), "texts": replace(SENT, sent=599)}, ["errors"]),
        ({"load": load(lost=1), "texts": replace(SENT, sent=599)}, ["errors"]),
        ({"texts": replace(SENT, sent=599)}, ["texts submitted"]),  # one was accepted and not sent
        ({"texts": replace(SENT, sent=601)}, ["texts submitted"]),  # one was sent whose answer was lost
        ({"texts": replace(SENT, per_minute=500.0)}, ["texts a minute"]),
        ({"redis": replace(QUIET, queue_depth=1000)}, ["queue depth"]),
        ({"redis": replace(QUIET, memory_bytes=200_000_000)}, ["Redis memory"]),
        ({"redis": replace(QUIET, clients=10_000)}, ["Redis clients"]),
        ({"redis": replace(QUIET, client_limit=0)}, []),
        ({"redis": replace(QUIET, evictions=1)}, ["evictions"]),
        ({"redis": None}, []),
    ],
)
def test_a_limit_that_is_not_kept_is_named(parts: dict[str, Any], names: list[str]) -> None:
    assert broken(**parts) == names


def test_nothing_answered_is_no_success() -> None:
    assert broken(load=load(lost=MESSAGES), texts=SentTexts(sent=0, per_minute=0.0)) == [
        "p95",
        "p99",
        "errors",
        "texts a minute",
    ]


def test_the_lines_show_value_limit_and_verdict() -> None:
    figures = compare(load(refused=2), None, replace(SENT, sent=598), messages=MESSAGES, rate=RATE)
    printed = list(lines(figures))

    assert printed[-1] == "❌ LIMITS NOT KEPT: errors"
    [errors] = [line.split() for line in printed if " errors " in line]
    assert errors == ["❌", "errors", "2", "(limit", "0)", "503:", "2"]
    assert [line.split()[:3] for line in printed if "p95" in line] == [["✅", "p95", "10"]]
    assert any("queue depth" in line and "not measured" in line for line in printed)
