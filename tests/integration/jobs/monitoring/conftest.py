"""Watchers of a system with servers of its own, which the tests stop."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.job_queue.redis_connection import open_redis
from jobs.monitoring.cadence import Cadence
from jobs.monitoring.watcher import Watcher
from settings import Settings, load_settings
from store.watchers import WatchingProcess
from tests.harness.private_postgres import PrivatePostgres, private_postgres
from tests.harness.private_redis import PrivateRedis
from tests.harness.webhook_receiver import WebhookReceiver, webhook_receiver
from tools.local import ports
from tools.sandbox.control import Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

FAST = Cadence(check=0.3, suspicion=0.2, standby=0.2, lease=12.0, start=0.0, step=0.05)
"""The lease must be longer than a round in which a server stands still."""

Watch = Callable[..., Any]


@pytest.fixture(scope="session")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgres]:
    with private_postgres(tmp_path_factory.mktemp("watched")) as own:
        yield own


@pytest.fixture
def postgres(_postgres: PrivatePostgres) -> Iterator[PrivatePostgres]:
    """A PostgreSQL that the test may stop; it runs again afterwards, without incidents and watchers."""
    yield _postgres
    if not _postgres.is_running:
        _postgres.start()
    _postgres.execute(
        "DELETE FROM incidents; DELETE FROM watchers; DELETE FROM watcher_lease; "
        "DELETE FROM alert_samples; DELETE FROM alert_silences"
    )


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[PrivateRedis]:
    with closing(PrivateRedis(tmp_path, ports.choose_port())) as own:
        own.start()
        yield own


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def settings(
    postgres: PrivatePostgres, redis_server: PrivateRedis, webhook: WebhookReceiver, sandbox: Sandbox
) -> Settings:
    return load_settings(
        database_url=postgres.url,
        redis_url=redis_server.url,
        twilio_api_base_url=sandbox.base_url,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        public_url="https://texts.example.org",
        mail_enabled=False,
        alert_webhook_url=webhook.url,
    )


@pytest.fixture
def watch(settings: Settings) -> Watch:
    """Runs a watcher inside a block."""

    @contextmanager
    def watching(process: WatchingProcess = "clock", *, cadence: Cadence = FAST, **changes: Any) -> Generator[Watcher]:
        watcher = Watcher(settings.model_copy(update=changes), process=process, cadence=cadence)
        watcher.start()
        try:
            yield watcher
        finally:
            watcher.stop()

    return watching


@pytest.fixture
def quiet_queues(settings: Settings) -> None:
    """Workers of every queue and a clock seem to be there, so that the watcher finds nothing wrong with them."""
    pretend_workers(settings)


def pretend_workers(settings: Settings, queues: tuple[str, ...] = ("sms", "mms", "analytics")) -> None:
    with closing(open_redis(settings)) as redis:
        for name in queues:
            redis.sadd(f"rq:workers:{name}", f"rq:worker:{name}-worker")
            redis.hset(f"rq:worker:{name}-worker", "state", "idle")
        redis.zadd("rq:scheduler:scheduled_jobs", {"tick-sweep": 4e9})
