"""rq-dashboard, wrapped: it reads our JSON jobs, shares one connection, and answers where it would break.

Version 0.9 reads jobs and workers with pickle in most places, whatever serializer it is told; breaks at jobs that RQ
did not write; opens a connection for every request, and keeps the Redis address with its password in the app's
configuration. So what it takes from RQ is replaced in its module by what reads JSON, whatever stands there, and uses
the connection it is given.
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
from api.operator.notices import notice
from api.operator.page_templates import StrictPages
from jobs.worker.checked_job import CheckedJob, CheckedQueue, refuse_pickle
from settings import mask_url


class JsonWorker(rq.Worker):
    """A worker that finds such jobs in its hands; one of which the entry cannot be read is not shown."""

    job_class = CheckedJob

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "serializer": JSONSerializer, "job_class": CheckedJob})

    @classmethod
    def find_by_key(cls, *arguments: Any, **options: Any) -> rq.worker.BaseWorker | None:
        try:
            return super().find_by_key(*arguments, **options)
        except (ValueError, ResponseError):
            return None


def register(app: Flask, *, redis: Redis, redis_url: str) -> None:
    """Put the dashboard under /rq, unguarded."""
    _read_json()
    app.redis_conn = redis  # pyright: ignore[reportAttributeAccessIssue]
    # Only shown on the page, and counted.
    app.config["RQ_DASHBOARD_REDIS_URL"] = (mask_url(redis_url),)
    app.jinja_env.add_extension(StrictPages)
    app.register_blueprint(web.blueprint, url_prefix="/rq")
    views = app.view_functions
    views["rq_dashboard.requeue_all"] = partial(_requeue_all, redis)
    views["rq_dashboard.empty_queue"] = partial(_empty, redis)
    for endpoint in [name for name in views if name.startswith("rq_dashboard.")]:
        views[endpoint] = _answering(views[endpoint])


def _read_json() -> None:
    refuse_pickle()
    web.config.serializer = JSONSerializer  # pyright: ignore[reportAttributeAccessIssue]
    web.Job = CheckedJob
    web.Queue = CheckedQueue
    web.Worker = JsonWorker
    web.requeue_job = _requeue
    web.from_url = _our_connection  # pyright: ignore[reportAttributeAccessIssue]


def _our_connection(*_: Any, **__: Any) -> tuple[None, Redis]:
    """In the place of redis_sentinel_url.connect."""
    return None, current_app.redis_conn  # pyright: ignore


def _requeue(job_id: str, connection: Redis) -> Job:
    """In the place of rq.requeue_job, which makes a job that is not checked."""
    return CheckedJob.fetch(job_id, connection=connection).requeue()


def _requeue_all(redis: Redis, queue_name: str) -> ResponseReturnValue:
    return {"status": "OK", "count": registries.requeue_failed(redis, queue_name)}


def _empty(redis: Redis, queue_name: str, registry_name: str) -> ResponseReturnValue:
    registries.empty(redis, queue_name, registry_name)
    return {"status": "OK"}


def _answering(view: Callable[..., Any]) -> RouteCallable:
    """The view, with a sentence in place of what it raises."""

    @wraps(view)
    def answer(**parts: Any) -> ResponseReturnValue:
        try:
            return view(**parts)
        except NoSuchJobError:
            return notice(HTTPStatus.NOT_FOUND, "There is no such job; it may have ended and been cleared away.")
        except InvalidJobOperation:
            return notice(HTTPStatus.CONFLICT, "The job is no longer among the failed ones.")
        except (ValueError, ResponseError):
            return notice(HTTPStatus.BAD_GATEWAY, "Redis holds something here that RQ did not write.")
        except RedisError:
            return notice(HTTPStatus.SERVICE_UNAVAILABLE, "Redis does not answer.", headers={"Retry-After": "5"})

    return answer
