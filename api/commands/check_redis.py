"""`flask check-redis`: whether Redis, and the workers behind it, do all that the queues need."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask.cli import with_appcontext
from redis import Redis

from api.commands import queue_checks, redis_checks
from api.commands.outcomes import Outcome, Verdict
from api.services import services
from jobs.job_queue.queues import enabled_queues
from jobs.job_queue.redis_connection import open_redis
from settings import mask_url

_MARKS = {Verdict.PASSED: "✅", Verdict.FAILED: "❌", Verdict.UNKNOWN: "⚠️ "}


@click.command("check-redis")
@click.pass_context
@with_appcontext
def check_redis(context: click.Context) -> None:
    """Check Redis and the queues, a line for each step. Exit status 0: all is well; 1: something is not."""
    settings = services().settings
    if not settings.enable_queues or settings.redis_url is None:
        click.echo("Queues are switched off (ENABLE_QUEUES=false): there is nothing to check.")
        return
    click.echo(f"Redis: {mask_url(settings.redis_url)}")
    redis = open_redis(settings)
    failures: list[Outcome] = []
    for outcome in _outcomes(redis, enabled_queues(settings)):
        _show(outcome)
        if outcome.verdict is Verdict.FAILED:
            failures.append(outcome)
    if not failures:
        click.echo("ALL TESTS PASSED")
        return
    click.echo(f"{len(failures)} TESTS FAILED")
    for failure in failures:
        click.echo(f"  {failure.name}: {failure.remedy}")
    context.exit(1)


def _outcomes(redis: Redis, names: tuple[str, ...]) -> Iterator[Outcome]:
    first = None
    for outcome in redis_checks.run(redis):
        first = first or outcome
        yield outcome
    if first is not None and first.verdict is not Verdict.FAILED:  # Redis answers
        yield from queue_checks.run(redis, names)


def _show(outcome: Outcome) -> None:
    remedy = f" → {outcome.remedy}" if outcome.remedy else ""
    click.echo(f"{_MARKS[outcome.verdict]} {outcome.name}: {outcome.finding}{remedy}")
