"""Writes the tables (between markers) and the chart of docs/performance.md from the result files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.bench import plot, plot_sunday
from tools.bench.results import Reading, Run, load_runs
from tools.bench.send_reading import SendReading
from tools.bench.sunday_reading import SundayReading
from tools.bench.tables import api, fairness, growth, history, pace, receipts, send, sunday
from tools.local.environment import ROOT

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
SUNDAY_PICTURE = ROOT / "docs" / "sunday.svg"

TABLES: Mapping[str, Callable[[Sequence[Reading]], list[str]]] = {
    "sunday": sunday.lines,
    "send": send.lines,
    "growth": growth.lines,
    "api": api.lines,
    "fairness": fairness.lines,
    "pace": pace.lines,
    "receipts": receipts.lines,
    "history": history.lines,
}

_VERSIONS = ("python", "postgresql", "valkey")


def write(folder: Path) -> list[Path]:
    """Update the page and its chart from the files in `folder`. Return the files written.

    A part without readings is not changed.
    """
    text = PAGE.read_text()
    for part in TABLES:
        if lines := table(part, folder):
            text = replace_between(text, part, lines)
    PAGE.write_text(text)
    written = [PAGE]
    sends = [SendReading(**reading) for reading in _readings("send", folder)]
    if any(reading.sent for reading in sends):
        PICTURE.write_text(plot.draw_rates(sends))
        written.append(PICTURE)
    if sundays := [SundayReading(**reading) for reading in _readings("sunday", folder)]:
        SUNDAY_PICTURE.write_text(plot_sunday.draw_acceptances(sundays))
        written.append(SUNDAY_PICTURE)
    return written


def _readings(part: str, folder: Path) -> list[Reading]:
    return [reading for run in load_runs(folder / f"{part}.json") for reading in run.readings]


def table(part: str, folder: Path) -> list[str]:
    """Return the tables of the part and the origin of the readings; an empty list without readings."""
    runs = [run for run in load_runs(folder / f"{part}.json") if run.readings]
    if not runs:
        return []
    readings = [reading for run in runs for reading in run.readings]
    return [*TABLES[part](readings), "", *(_origin(run) for run in runs)]


def replace_between(text: str, part: str, lines: Sequence[str]) -> str:
    """Return the text with these lines between the markers of the part. Raises ValueError without markers."""
    opening, closing = f"<!-- bench: {part} -->", f"<!-- end: {part} -->"
    before, found, rest = text.partition(opening)
    _, found_too, after = rest.partition(closing)
    if not (found and found_too):
        raise ValueError(f"{PAGE.name} lacks the markers of {part}")
    return "\n".join([before + opening, "", *lines, "", closing + after])


def _origin(run: Run) -> str:
    machine, versions = run.machine, run.versions
    named = ", ".join(f"{name} {versions[name]}" for name in _VERSIONS)
    return (
        f"<sub>{run.date[:10]}, {machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']} GiB, "
        f"{machine['system']}, {named}, commit {versions['commit']}: `{run.command}`</sub>"
    )
