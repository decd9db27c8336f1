"""Shows the results of suites: a line for each step and a verdict, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from api.checks.steps import Status, StepResult, Suite, run

_MARKS = {Status.PASSED: "✅", Status.FAILED: "❌", Status.WARNING: "⚠️ ", Status.SKIPPED: "➖"}
ALL_PASSED = "ALL TESTS PASSED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The results of one suite."""

    suite: Suite
    results: Sequence[StepResult]

    @property
    def failures(self) -> list[StepResult]:
        return [result for result in self.results if result.status is Status.FAILED]

    @property
    def warnings(self) -> list[StepResult]:
        return [result for result in self.results if result.status is Status.WARNING]

    def to_json(self) -> dict[str, Any]:
        steps = [
            {name: value for name, value in asdict(result).items() if name not in {"total", "ends_suite"}}
            for result in self.results
        ]
        return {
            "check": self.suite.name,
            "target": self.suite.target,
            "passed": not self.failures,
            "notRun": len(self.suite.steps) - len(self.results),
            "leftOut": self.suite.left_out,
            "steps": [{**step, "seconds": round(step["seconds"], 3)} for step in steps],
        }


def run_and_show(suite: Suite, *, as_json: bool) -> Report:
    """Run the suite. Without `as_json`, print the line of each step as soon as it has ended."""
    if not as_json:
        click.echo(f"{suite.name}: {suite.target}")
    results: list[StepResult] = []
    for result in run(suite):
        results.append(result)
        if not as_json:
            click.echo(line(result))
    return Report(suite=suite, results=results)


def line(result: StepResult) -> str:
    """Return the line of one step, such as `✅  4/15 TTL … 1.2 s: a value was gone after one second`."""
    number = f"{result.number:>{len(str(result.total))}}/{result.total}"
    return f"{_MARKS[result.status]} {number} {result.name} … {result.seconds:.1f} s: {result.finding}"


def show_verdict(report: Report) -> None:
    """Print what was left out, and ALL TESTS PASSED or how many failed, with what to do about each finding."""
    if report.suite.left_out:
        click.echo(f"Left out: {report.suite.left_out}")
    not_run = len(report.suite.steps) - len(report.results)
    if not_run:
        click.echo(f"Not run: {not_run} more, which need what failed")
    failures = report.failures
    if not failures:
        click.echo(ALL_PASSED)
    else:
        click.echo("1 TEST FAILED" if len(failures) == 1 else f"{len(failures)} TESTS FAILED")
    for result in (*failures, *report.warnings):
        click.echo(f"→ {result.name}: {result.remedy}")


def finish(report: Report, *, as_json: bool) -> None:
    """Print the verdict or the JSON of one suite. Raises SystemExit with status 1 if a step failed."""
    if as_json:
        click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        show_verdict(report)
    if report.failures:
        raise SystemExit(1)
