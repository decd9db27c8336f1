"""Requests are answered while Redis hangs: messages are accepted and wait."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from pydantic import SecretStr

from api.app import create_app
from api.services import services
from settings import Settings
from tests.harness.churches import KnownChurch
from tests.harness.private_redis import PrivateRedis
from tests.harness.waiting import wait_until

CLOSES_WITHIN_SECONDS = 60.0
MANY = 150
"""Jobs to enqueue. If each waited for the timeout, they would take minutes."""


@pytest.fixture
def private_redis(tmp_path: Path, free_port: int) -> Iterator[PrivateRedis]:
    with closing(PrivateRedis(tmp_path, free_port)) as own:
        own.start()
        yield own


@pytest.fixture
def own_app(settings: Settings, private_redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setattr("api.operator.mounting._REDIS_SECONDS", 0.5)
    monkeypatch.setattr("jobs.job_queue.redis_job_queue.TIMEOUT_SECONDS", 0.5)
    changes = {"redis_url": private_redis.url, "operator_password": SecretStr("a long password")}
    app = create_app(settings.model_copy(update=changes))
    yield app
    services(app).close()


def test_requests_are_answered_while_redis_hangs_and_it_is_used_again_afterwards(
    own_app: Flask, church: KnownChurch, private_redis: PrivateRedis
) -> None:
    client = own_app.test_client()
    body = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all"}
    with private_redis.suspended():
        sent = client.post("/api/messages/send", json=body, headers=church.bearer | {"Idempotency-Key": "k"})
        ready = client.get("/health/ready")
        login = client.post("/operator/login", data={"password": "a long password"})
        jobs = client.get("/rq/0/data/queues.json")

    assert sent.status_code == 202
    assert (ready.status_code, ready.get_json()["status"]) == (200, "degraded")
    assert login.status_code == 303
    assert jobs.status_code == 503
    wait_until(lambda: client.get("/health/ready").get_json()["status"] == "ready", timeout_seconds=30)


def test_the_job_queue_closes_while_redis_hangs(own_app: Flask, private_redis: PrivateRedis) -> None:
    job_queue = services(own_app).job_queue
    with ThreadPoolExecutor(1) as threads, private_redis.suspended():
        for _ in range(MANY):
            job_queue.enqueue_batch(channel="sms", church_id=uuid4())
        threads.submit(job_queue.close).result(timeout=CLOSES_WITHIN_SECONDS)
