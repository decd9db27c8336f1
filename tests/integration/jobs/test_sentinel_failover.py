"""A failover of Redis under load: the sentinels promote the replica, jobs go on there, nothing is lost or doubled."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.job_queue.redis_connection import open_redis
from jobs.job_queue.redis_job_queue import RedisJobQueue
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.product_processes import CLOCK, WORKER, running
from tests.harness.redis_sentinels import WatchedRedis, watched_redis
from tests.harness.waiting import wait_until
from tests.harness.worker_process import environment_of
from tests.integration.jobs.conftest import compose
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox

pytestmark = [pytest.mark.extended, pytest.mark.timeout(300)]
BEFORE, DURING, AFTER = 40, 60, 40
PAUSE_SECONDS = 0.05


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedRedis]:
    with watched_redis(tmp_path / "redis") as redis:
        yield redis


@pytest.fixture
def settings(settings: Settings, watched: WatchedRedis) -> Settings:
    return settings.model_copy(update={"redis_url": watched.url})


@pytest.fixture
def processes(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """Workers for every queue, and the clock."""
    environment = environment_of(settings)
    with ExitStack() as stack:
        for arguments, name in ((WORKER, "worker.log"), (CLOCK, "clock.log")):
            stack.enter_context(running(*arguments, environment=environment, output=tmp_path / name))
        yield


def test_a_failover_under_load(
    settings: Settings, database: Database, watched: WatchedRedis, sandbox: Sandbox, processes: None
) -> None:
    church_id = create_church(database).church_id
    job_queue = RedisJobQueue(settings)
    recipients = numbers(BEFORE + DURING + AFTER)

    send(database, job_queue, church_id, recipients[:BEFORE])
    wait_until(lambda: sandbox.summary().accepted > 0, timeout_seconds=60, condition="the first texts are sent")
    killed = watched.kill_primary()
    send(database, job_queue, church_id, recipients[BEFORE : BEFORE + DURING])
    with open_redis(settings) as redis:
        wait_until(lambda: answers(redis), condition="the client has found the new primary")
        assert redis.connection_pool.get_master_address()[1] == watched.primary_port() != killed  # pyright: ignore
    until_sent(sandbox, BEFORE + DURING)  # by workers that have turned to the new primary: the old one is still dead
    watched.restart(killed)
    send(database, job_queue, church_id, recipients[BEFORE + DURING :])

    until_sent(sandbox, len(recipients))
    assert Counter(row.to for row in sandbox.ledger()) == dict.fromkeys(recipients, 1)


def send(database: Database, job_queue: RedisJobQueue, church_id: UUID, recipients: list[str]) -> None:
    """Accept one message for each recipient, as the API does."""
    for number in recipients:
        compose(database, church_id, numbers=[number])
        job_queue.enqueue_expansion(channel="sms")  # fails at once while there is no primary; the clock enqueues it
        time.sleep(PAUSE_SECONDS)


def until_sent(sandbox: Sandbox, count: int) -> None:
    wait_until(lambda: sandbox.summary().accepted >= count, timeout_seconds=120, condition=f"{count} texts are sent")


def answers(redis: object) -> bool:
    try:
        return redis.ping()  # pyright: ignore
    except RedisConnectionError:
        return False
