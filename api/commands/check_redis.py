"""`flask check-redis`: checks Redis and the workers of every queue."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask.cli import with_appcontext
from redis import Redis

from api.commands.support import queue_checks, redis_checks
from api.commands.support.check_result import CheckResult, CheckStatus
from api.services import services
from jobs.job_queue.queues import enabled_queues
from jobs.job_queue.redis_connection import open_redis
from settings import mask_url

_MARKS = {CheckStatus.PASSED: "✅", CheckStatus.FAILED: "❌", CheckStatus.UNKNOWN: "⚠️ "}


@click.command("check-redis")
@click.pass_context
@with_appcontext
def check_redis(context: click.Context) -> None:
    """Check Redis and the workers of every queue.

    Redis is read and written, and a worker of every queue must run a test job. Each check prints one line.
    The exit status is 0 when every check passed, and 1 when one failed.
    """
    settings = services().settings
    if not settings.enable_queues or settings.redis_url is None:
        click.echo("Queues are switched off (ENABLE_QUEUES=false), so there is nothing to check.")
        return
    click.echo(f"Redis: {mask_url(settings.redis_url)}")
    redis = open_redis(settings)
    failures: list[CheckResult] = []
    for result in _results(redis, enabled_queues(settings)):
        _show(result)
        if result.status is CheckStatus.FAILED:
            failures.append(result)
    if not failures:
        click.echo("ALL TESTS PASSED")
        return
    click.echo("1 TEST FAILED" if len(failures) == 1 else f"{len(failures)} TESTS FAILED")
    for failure in failures:
        click.echo(f"  {failure.name}: {failure.remedy}")
    context.exit(1)


def _results(redis: Redis, names: tuple[str, ...]) -> Iterator[CheckResult]:
    first = None
    for result in redis_checks.run(redis):
        first = first or result
        yield result
    if first is not None and first.status is not CheckStatus.FAILED:  # Redis answers
        yield from queue_checks.run(redis, names)


def _show(result: CheckResult) -> None:
    remedy = f" → {result.remedy}" if result.remedy else ""
    click.echo(f"{_MARKS[result.status]} {result.name}: {result.finding}{remedy}")
