"""The app on a real port with a real Redis, and operators' browsers."""

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
from api.operator.password_hashing import PasswordHashing
from api.services import services
from jobs.job_queue.redis_connection import open_redis, rq_queue
from jobs.worker.checked_worker import CheckedWorker
from metrics.measurements import Measurements
from settings import Settings, load_settings
from store import audit, operators
from store.audit import AuditEvent
from store.database import Database, open_database, system_scope
from tests.integration.operator import repairable_job
from tests.integration.operator.operator_browser import PASSWORD, PASSWORD_OF_NAMED, OperatorBrowser

Serve = Callable[..., OperatorBrowser]
REGISTRIES = ("queued", "started", "deferred", "scheduled", "finished", "failed", "canceled")


class BurstWorker(SimpleWorker):
    """RQ's worker without its subscription to commands, whose thread takes a second to end."""

    def subscribe(self) -> None:
        pass


class Servers:
    """Servers of the app, kept for a whole module: a list of equal ones for each set of settings."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self._urls: list[tuple[Settings, list[str]]] = []

    def url(self, settings: Settings, number: int) -> str:
        """The address of the server with this number among those with these settings."""
        urls = next((urls for known, urls in self._urls if known == settings), None)
        if urls is None:
            urls = list[str]()
            self._urls.append((settings, urls))
        while len(urls) <= number:
            urls.append(self._running.enter_context(_serving(settings)))
        return urls[number]


@pytest.fixture(scope="session")
def settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        public_url="http://127.0.0.1:9",
        operator_password=PASSWORD,
    )


@pytest.fixture(scope="module")
def servers() -> Generator[Servers]:
    with ExitStack() as running:
        yield Servers(running)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password is refused at once."""
    monkeypatch.setattr("api.operator.login.WRONG_PASSWORD_PAUSE_SECONDS", 0)


@pytest.fixture(autouse=True)
def _small_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed in a hundredth of the memory, and so of the time. tests/unit/api/test_password_hashing.py
    checks the parameters."""
    monkeypatch.setattr("api.operator.password_hashing.MEMORY_KIB", 512)


@pytest.fixture
def serve(servers: Servers, settings: Settings) -> Serve:
    """Returns a new browser in front of the app with these changes to its settings.

    Within a test each call gets a server of its own, like the processes of one service.
    """
    used: list[Settings] = []

    def serve_with(**changes: Any) -> OperatorBrowser:
        changed = settings.model_copy(update=changes)
        url = servers.url(changed, used.count(changed))
        used.append(changed)
        return OperatorBrowser(url)

    return serve_with


@contextmanager
def _serving(settings: Settings) -> Generator[str]:
    """The address of a server of the app."""
    app = create_app(settings, warm=False)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        services(app).close()


@pytest.fixture
def anonymous(serve: Serve) -> OperatorBrowser:
    """A browser that has not logged in."""
    return serve()


@pytest.fixture
def operator(anonymous: OperatorBrowser) -> OperatorBrowser:
    """A browser that has logged in."""
    assert anonymous.log_in().url.endswith("/rq/")
    return anonymous


@pytest.fixture
def database(settings: Settings) -> Generator[Database]:
    database = open_database(settings.database_url, size=2, name="test")
    yield database
    database.close()


@pytest.fixture
def add_operator(database: Database) -> Callable[[str], None]:
    """Adds an operator of this name, with the password PASSWORD_OF_NAMED."""

    def add(name: str) -> None:
        password_hash = PasswordHashing().hash(PASSWORD_OF_NAMED)  # with a salt of its own
        with system_scope(database) as connection:
            assert operators.add(connection, name=name, password_hash=password_hash)

    return add


def recorded(database: Database, **filters: Any) -> list[AuditEvent]:
    """The entries of the audit, the oldest first."""
    with system_scope(database) as connection:
        return audit.list_events(connection, limit=100, **filters)[::-1]


@pytest.fixture
def redis(settings: Settings) -> Generator[Redis]:
    redis = open_redis(settings)
    repairable_job.broken = True
    repairable_job.done.clear()
    repairable_job.released.clear()
    yield redis
    redis.close()


@pytest.fixture
def sms(redis: Redis) -> Queue:
    return rq_queue(redis, "sms")


def work(queue: Queue) -> None:
    """Runs every queued job."""
    worker = BurstWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="WARNING")


def work_checked(redis: Redis) -> None:
    """Runs every queued job in a worker as the product starts it."""
    worker = CheckedWorker(redis, "sms", stopping=threading.Event(), measurements=Measurements())
    worker.work(burst=True, logging_level="WARNING")


def failed_job(queue: Queue, name: str = "one", *, description: str = "work") -> Job:
    """A job that failed in a worker."""
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
