"""Adapts rq-dashboard: it reads JSON jobs, shares one Redis connection, and shows a message instead of failing.

Version 0.9 reads jobs and workers with pickle in most places, whatever serializer it is configured with. It fails at
jobs that RQ did not write, opens a Redis connection for every request, and keeps the Redis URL with its password in
the app's configuration. Therefore the names that its module imports from RQ are replaced by ones that read only JSON,
accept any entry, and use the shared connection.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus
from typing import Any

import rq
from flask import Flask, current_app
from flask.typing import ResponseReturnValue, RouteCallable
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_dashboard import web  # pyright: ignore[reportMissingTypeStubs]

from api.operator import registries
from api.operator.dashboard_audit import with_audit
from api.operator.notices import notice
from api.operator.origin import SAFE_METHODS
from api.operator.page_templates import StrictPages
from jobs.job_queue import failed_jobs
from jobs.worker.checked_job import CheckedJob, CheckedQueue, refuse_pickle
from settings import mask_url
from store.database import Database


class JsonWorker(rq.Worker):
    """Reads workers and their current jobs as JSON. A worker whose entry in Redis cannot be read is not shown."""

    job_class = CheckedJob

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "serializer": JSONSerializer, "job_class": CheckedJob})

    @classmethod
    def find_by_key(cls, *arguments: Any, **options: Any) -> rq.worker.BaseWorker | None:
        try:
            return super().find_by_key(*arguments, **options)
        except (ValueError, ResponseError):
            return None


def register(app: Flask, *, redis: Redis, redis_url: str, database: Database) -> None:
    """Mount the dashboard under /rq. It does no access checks of its own: see guard.py."""
    _read_json()
    app.redis_conn = redis  # pyright: ignore[reportAttributeAccessIssue]
    # The dashboard only shows these URLs and counts them.
    app.config["RQ_DASHBOARD_REDIS_URL"] = (mask_url(redis_url),)
    app.jinja_env.add_extension(StrictPages)
    app.register_blueprint(web.blueprint, url_prefix="/rq")
    views = app.view_functions
    views["rq_dashboard.requeue_all"] = partial(_requeue_all, redis)
    views["rq_dashboard.empty_queue"] = partial(_empty, redis)
    changing = {rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or set()) - SAFE_METHODS}
    for endpoint in [name for name in views if name.startswith("rq_dashboard.")]:
        if endpoint in changing:
            views[endpoint] = with_audit(endpoint, views[endpoint], redis=redis, database=database)
        views[endpoint] = _with_messages(views[endpoint])


def _read_json() -> None:
    refuse_pickle()
    web.config.serializer = JSONSerializer  # pyright: ignore[reportAttributeAccessIssue]
    web.Job = CheckedJob
    web.Queue = CheckedQueue
    web.Worker = JsonWorker
    web.requeue_job = _requeue
    web.from_url = _our_connection  # pyright: ignore[reportAttributeAccessIssue]


def _our_connection(*_: Any, **__: Any) -> tuple[None, Redis]:
    """Replaces redis_sentinel_url.connect."""
    return None, current_app.redis_conn  # pyright: ignore


def _requeue(job_id: str, connection: Redis) -> Job:
    """Replaces rq.requeue_job, which would create an unchecked job."""
    return failed_jobs.requeue(connection, job_id)


def _requeue_all(redis: Redis, queue_name: str) -> ResponseReturnValue:
    return {"status": "OK", "count": registries.requeue_failed(redis, queue_name)}


def _empty(redis: Redis, queue_name: str, registry_name: str) -> ResponseReturnValue:
    registries.empty(redis, queue_name, registry_name)
    return {"status": "OK"}


def _with_messages(view: Callable[..., Any]) -> RouteCallable:
    """Return the view with a message in place of each exception that it may raise."""

    @wraps(view)
    def view_or_message(**parts: Any) -> ResponseReturnValue:
        try:
            return view(**parts)
        except NoSuchJobError:
            return notice(HTTPStatus.NOT_FOUND, "There is no such job. It may have finished and been removed.")
        except InvalidJobOperation:
            return notice(HTTPStatus.CONFLICT, "The job is no longer in the list of failed jobs.")
        except (ValueError, ResponseError):
            return notice(HTTPStatus.BAD_GATEWAY, "This entry in Redis cannot be read: RQ did not write it.")
        except RedisError:
            return notice(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Redis does not answer. Try again in a moment.",
                headers={"Retry-After": "5"},
            )

    return view_or_message
