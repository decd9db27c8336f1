"""The command line of bin/bench."""

from __future__ import annotations

import pytest

from tools.bench.command import MEASURES, REPORT
from tools.bench.options import Options, read_options
from tools.bench.report import TABLES

PARTS = (*MEASURES, REPORT)


def read(*arguments: str) -> Options:
    return read_options(arguments, parts=PARTS, description="")


def test_every_part_has_a_table() -> None:
    assert set(MEASURES) == set(TABLES)


def test_without_options_the_defaults_of_the_parts_apply() -> None:
    options = read()

    assert options.parts == ()
    assert options.rounds == 3
    assert options.cap_seconds == 30
    assert (options.sizes, options.latency_ms, options.candidates, options.with_workers) == (None, None, None, None)


def test_lists_and_pairs_are_read() -> None:
    options = read(
        *("send", "--sizes", "1000,10_000", "--candidates", "rq,celery", "--concurrency", "celery=50"),
        *("--setting", "BATCH_SIZE=1000", "--setting", "LOG_LEVEL=WARNING"),
    )

    assert options.sizes == (1_000, 10_000)
    assert options.candidates == ("rq", "celery")
    assert options.concurrency == {"celery": 50}
    assert options.settings == {"BATCH_SIZE": "1000", "LOG_LEVEL": "WARNING"}


@pytest.mark.parametrize(("option", "value"), [("--with-workers", True), ("--without-workers", False)])
def test_the_api_is_measured_with_or_without_workers(option: str, value: bool) -> None:
    assert read("api", option).with_workers is value


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("send", "--candidates", "cron"),
        ("send", "--concurrency", "cron=1"),
        ("send", "--sizes", "0"),
        ("send", "--rounds", "no"),
        ("send", "--setting", "BATCH_SIZE"),
    ],
)
def test_invalid_arguments_are_refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read(*arguments)

    assert end.value.code == 2
    assert "usage: bin/bench" in capsys.readouterr().err
