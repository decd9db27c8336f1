"""The app on a real port with a real Redis, and an operator's browser before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from werkzeug.serving import make_server

from api.app import create_app
from api.services import services
from jobs.job_queue.redis_connection import open_redis, rq_queue
from jobs.worker.checked_worker import CheckedWorker
from settings import Settings, load_settings
from tests.integration.operator import repairable_job
from tests.integration.operator.operator_browser import PASSWORD, OperatorBrowser

Serve = Callable[..., OperatorBrowser]
REGISTRIES = ("queued", "started", "deferred", "scheduled", "finished", "failed", "canceled")


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        public_url="http://127.0.0.1:9",
        operator_password=PASSWORD,
    )


@pytest.fixture
def serve(settings: Settings) -> Generator[Serve]:
    """Serve the app, its settings changed as told; each time a new browser that has not logged in."""
    with ExitStack() as served:

        def serve_with(**changes: Any) -> OperatorBrowser:
            return served.enter_context(_serving(settings.model_copy(update=changes)))

        yield serve_with


@contextmanager
def _serving(settings: Settings) -> Generator[OperatorBrowser]:
    app = create_app(settings)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield OperatorBrowser(f"http://127.0.0.1:{server.port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        services(app).close()


@pytest.fixture
def stranger(serve: Serve) -> OperatorBrowser:
    """A browser that has not logged in."""
    return serve()


@pytest.fixture
def operator(stranger: OperatorBrowser) -> OperatorBrowser:
    """A browser that has."""
    assert stranger.log_in().url.endswith("/rq/")
    return stranger


@pytest.fixture
def redis(settings: Settings) -> Generator[Redis]:
    redis = open_redis(settings)
    repairable_job.broken = True
    repairable_job.done.clear()
    yield redis
    redis.close()


@pytest.fixture
def sms(redis: Redis) -> Queue:
    return rq_queue(redis, "sms")


def work(queue: Queue) -> None:
    """Let a worker do all that is queued."""
    worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="WARNING")


def work_checked(redis: Redis) -> None:
    """Let one of our own workers do all that is queued."""
    CheckedWorker(redis, "sms", stopping=threading.Event()).work(burst=True, logging_level="WARNING")


def failed_job(queue: Queue, name: str = "one", *, description: str = "work") -> Job:
    """A job that a worker has tried, and failed."""
    job = queue.enqueue_call(
        "tests.integration.operator.repairable_job.work",
        args=(name,),
        description=description,
        result_ttl=60,
        failure_ttl=600,
    )
    work(queue)
    assert job.get_status() == "failed"
    return job
