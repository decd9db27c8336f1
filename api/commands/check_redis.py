"""`flask check-redis`: checks Redis and the workers of every queue."""

from __future__ import annotations

import json

import click

from api.commands.support.check_options import json_option, without_workers_option
from api.commands.support.settings_input import read_settings
from settings import load_redis_settings


@click.command("check-redis")
@without_workers_option
@json_option
def check_redis(without_workers: bool, as_json: bool) -> None:
    """Check Redis and the workers of every queue.

    Needs only REDIS_URL. Redis is written and read, and a worker of every queue must run a test job. No key is left
    behind. The exit status is 0 when no test failed, and 1 when one did.
    """
    from api.checks.redis_suite import redis_suite
    from api.checks.report import finish, run_and_show

    settings = read_settings(load_redis_settings)
    if not settings.enable_queues:
        reason = "Queues are switched off (ENABLE_QUEUES=false), so there is nothing to check."
        click.echo(
            json.dumps({"check": "redis", "passed": True, "leftOut": reason, "steps": []}) if as_json else reason
        )
        return
    with redis_suite(settings, without_workers=without_workers) as suite:
        report = run_and_show(suite, as_json=as_json)
    finish(report, as_json=as_json)
