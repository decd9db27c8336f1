"""`flask doctor`: runs all checks, and names what to do first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from api.commands.support.check_options import json_option, without_workers_option
from settings import SettingsError, load_database_settings, load_redis_settings, load_settings

if TYPE_CHECKING:
    from api.checks.report import Report


@click.command("doctor")
@without_workers_option
@json_option
def doctor(without_workers: bool, as_json: bool) -> None:
    """Run all checks: settings, database, Redis, carrier.

    Ends with one verdict and what to do first. The exit status is 0 when no test failed, and 1 when one did.
    """
    reports: list[Report] = []
    for report in _reports(without_workers=without_workers, as_json=as_json):
        reports.append(report)
        if not as_json:
            click.echo()
    failures = [(report.suite.name, failure) for report in reports for failure in report.failures]
    if as_json:
        verdict = {"passed": not failures, "doFirst": failures[0][1].remedy if failures else None}
        click.echo(json.dumps({**verdict, "checks": [report.to_json() for report in reports]}, ensure_ascii=False))
    else:
        _show_verdict(reports)
    if failures:
        raise SystemExit(1)


def _reports(*, without_workers: bool, as_json: bool) -> Iterator[Report]:
    """Run the suites, each with the settings that it needs alone: one missing variable does not prevent the others."""
    from api.checks.carrier_senders import read_senders
    from api.checks.carrier_suite import carrier_suite
    from api.checks.database_suite import database_suite
    from api.checks.redis_suite import redis_suite
    from api.checks.report import run_and_show
    from api.checks.settings_suite import settings_suite

    yield run_and_show(settings_suite(), as_json=as_json)
    try:
        with database_suite(load_database_settings()) as suite:
            yield run_and_show(suite, as_json=as_json)
    except SettingsError:
        pass  # the first suite has named the variable
    try:
        redis_settings = load_redis_settings()
        if redis_settings.enable_queues:
            with redis_suite(redis_settings, without_workers=without_workers) as suite:
                yield run_and_show(suite, as_json=as_json)
    except SettingsError:
        pass
    try:
        settings = load_settings()
    except SettingsError:
        return
    yield run_and_show(carrier_suite(settings, read_senders(settings)), as_json=as_json)


def _show_verdict(reports: list[Report]) -> None:
    """Print one line for each finding, and what to do first: what comes first is needed by what comes later."""
    failures = [(report.suite.name, failure) for report in reports for failure in report.failures]
    warnings = [(report.suite.name, warning) for report in reports for warning in report.warnings]
    tests = sum(len(report.results) for report in reports)
    for report in reports:
        if report.suite.left_out:
            click.echo(f"Left out: {report.suite.left_out}")
    for mark, findings in (("❌", failures), ("⚠️ ", warnings)):
        for name, result in findings:
            click.echo(f"{mark} {name}, {result.name}: {result.finding}")
    if not failures:
        click.echo(f"ALL TESTS PASSED: {tests} tests, {len(warnings)} warnings")
        return
    name, first = failures[0]
    click.echo(f"{len(failures)} of {tests} TESTS FAILED. First: {name}, {first.name}: {first.remedy}")
