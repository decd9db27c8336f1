"""A sender that the carrier refuses: reported once, and its failed job removed once it is resumed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from redis import Redis
from rq.registry import FailedJobRegistry

import logs
from jobs.job_queue.job_kinds import SWEEP
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.checked_job import CheckedJob, CheckedQueue
from messaging.states import Status
from settings import Settings
from store import audit, senders
from store.database import Database, system_scope
from tests.harness.churches import create_church
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox

REFUSED, GOOD = "+15005550007", "+15005550006"


@pytest.fixture(autouse=True)
def _logs_of_a_worker(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Log as a worker does, to the standard error of this test."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    logs.configure(fmt="text", level="INFO")
    yield
    root.handlers[:] = handlers


@pytest.fixture
def failed(redis: Redis) -> FailedJobRegistry:
    return CheckedQueue("sms", connection=redis).failed_job_registry


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database, sender=REFUSED).church_id


@pytest.fixture
def message(database: Database, job_queue: RedisJobQueue, work: RunWorker, church_id: UUID) -> UUID:
    """A message that waits because the carrier refused its sender."""
    message = compose(database, church_id, numbers=numbers(2))
    job_queue.enqueue_expansion(channel="sms")
    work()
    assert counts(database, church_id, message) == {Status.QUEUED: 2}
    return message


def set_sender(database: Database, church_id: UUID) -> None:
    with system_scope(database) as connection:
        senders.save(
            connection,
            church_id=church_id,
            channel="sms",
            address=GOOD,
            messaging_service_sid=None,
            segments_per_second=None,
        )


def resume(database: Database, church_id: UUID) -> None:
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET address = %s", (GOOD,))
        assert senders.resume(connection, church_id=church_id, channel="sms")


def test_a_refusal_is_logged_in_one_line(
    capfd: pytest.CaptureFixture[str], failed: FailedJobRegistry, message: UUID, redis: Redis, church_id: UUID
) -> None:
    captured = capfd.readouterr()
    lines = [line for line in (captured.err + captured.out).splitlines() if "refuse" in line or "Traceback" in line]
    assert len(lines) == 1, lines
    assert "the carrier refuses a sender" in lines[0]
    assert str(church_id) in lines[0]
    assert "batch finished" not in captured.err + captured.out, "nothing was submitted"

    [job_id] = failed.get_job_ids()
    result = CheckedJob.fetch(job_id, connection=redis).latest_result()
    assert result is not None
    assert "Traceback" not in str(result.exc_string)
    assert f"flask resume-sender --church {church_id} --channel sms" in str(result.exc_string)


@pytest.mark.parametrize("fix", [set_sender, resume])
def test_the_failed_job_is_removed_when_the_sender_is_resumed(
    database: Database,
    job_queue: RedisJobQueue,
    failed: FailedJobRegistry,
    message: UUID,
    redis: Redis,
    work: RunWorker,
    church_id: UUID,
    sandbox: Sandbox,
    fix: Callable[[Database, UUID], None],
) -> None:
    [job_id] = failed.get_job_ids()
    fix(database, church_id)

    job_queue.enqueue_tick(SWEEP)
    work("analytics")

    assert failed.get_job_ids() == []
    assert not redis.exists(f"rq:job:{job_id}", f"rq:results:{job_id}")
    with system_scope(database) as connection:
        assert senders.failed_jobs_of_resumed(connection) == []
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()
    assert counts(database, church_id, message) == {Status.SENT: 2}


def test_the_failed_job_is_removed_later_when_redis_is_away(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    failed: FailedJobRegistry,
    message: UUID,
    work: RunWorker,
    church_id: UUID,
) -> None:
    [job_id] = failed.get_job_ids()
    resume(database, church_id)
    away = RedisJobQueue(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))

    assert not away.withdraw_failed("sms", job_id)

    job_queue.enqueue_tick(SWEEP)
    work("analytics")
    assert failed.get_job_ids() == []


def test_a_failed_job_that_was_requeued_meanwhile_is_not_removed(
    database: Database,
    job_queue: RedisJobQueue,
    failed: FailedJobRegistry,
    message: UUID,
    work: RunWorker,
    church_id: UUID,
) -> None:
    [job_id] = failed.get_job_ids()
    resume(database, church_id)
    failed.requeue(job_id)

    assert not job_queue.withdraw_failed("sms", job_id), "it is on the queue"
    work()
    assert counts(database, church_id, message) == {Status.SENT: 2}
    assert job_queue.withdraw_failed("sms", job_id), "it has ended"


def test_the_pause_and_the_resumption_by_the_requeued_job_are_recorded(
    database: Database, failed: FailedJobRegistry, message: UUID, work: RunWorker, church_id: UUID
) -> None:
    [job_id] = failed.get_job_ids()
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET address = %s", (GOOD,))
    failed.requeue(job_id)
    work()

    with system_scope(database) as connection:
        resumed, paused = audit.list_events(connection, church_id=church_id, limit=10)
    assert (paused.action, paused.actor_kind, paused.actor, paused.subject) == (
        *("sender.paused", "service", "sending", "sms"),
    )
    assert "does not belong" in paused.details["reason"]
    assert (resumed.action, resumed.actor_kind, resumed.details) == (
        *("sender.resumed", "service", {"requeuedJob": job_id}),
    )


def test_a_second_refusal_is_reported_again(
    database: Database,
    job_queue: RedisJobQueue,
    failed: FailedJobRegistry,
    message: UUID,
    work: RunWorker,
    church_id: UUID,
) -> None:
    [first] = failed.get_job_ids()
    with system_scope(database) as connection:
        assert senders.resume(connection, church_id=church_id, channel="sms")
    job_queue.enqueue_tick(SWEEP)
    work("analytics")

    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    [second] = failed.get_job_ids()
    assert second != first
