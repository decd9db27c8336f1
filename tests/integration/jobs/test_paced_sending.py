"""How churches with a pace are served: one job claims for all of them, and enqueues itself until nothing is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from redis import Redis

from jobs.clock.ticks import TICKS
from jobs.job_queue.inline_job_queue import InlineJobQueue
from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store import opt_outs, senders
from store.database import Database, church_scope, system_scope
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Faults, Sandbox

Sent = tuple[UUID, UUID]
"""A church and its message."""
Send = Callable[..., Sent]

ENQUEUE_DUE = next(tick.kind for tick in TICKS if tick.kind.name == "enqueue_due")


def all_sent(database: Database, sent: Sequence[Sent], recipients: int) -> bool:
    return all(counts(database, church_id, message) == {Status.SENT: recipients} for church_id, message in sent)


@pytest.fixture
def send(database: Database) -> Send:
    """Creates a church with a pace, and a message of it. Returns both ids."""

    def create(pace: float, *, recipients: int) -> Sent:
        church_id = create_church(database, segments_per_second=pace).church_id
        return church_id, compose(database, church_id, numbers=numbers(recipients))

    return create


def test_all_paced_churches_are_served_without_the_clock_and_without_jobs_of_their_own(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    redis: Redis,
    sandbox: Sandbox,
    send: Send,
    tmp_path: Path,
) -> None:
    sent = [send(20, recipients=20) for _ in range(6)]
    output = tmp_path / "output"
    with running_worker(settings, output):
        job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: all_sent(database, sent, 20), timeout_seconds=60)
        wait_until(lambda: not rq_queue(redis, "sms").count, timeout_seconds=60)

    assert len(sandbox.ledger()) == 120
    assert "job=submit_batch" not in output.read_text()


def test_when_the_worker_was_killed_the_clock_enqueues_the_job_again(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    redis: Redis,
    work: RunWorker,
    sandbox: Sandbox,
    send: Send,
    tmp_path: Path,
) -> None:
    church_id, message = send(2, recipients=8)
    with running_worker(settings, tmp_path / "output") as process:
        job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: len(sandbox.ledger()) >= 2, timeout_seconds=60)
        process.kill()
        process.wait()
    redis.flushdb()

    def nothing_waits() -> bool:
        job_queue.enqueue_tick(ENQUEUE_DUE)
        work("analytics")
        return Status.QUEUED not in counts(database, church_id, message)

    with running_worker(settings, tmp_path / "output"):
        wait_until(nothing_waits, timeout_seconds=60)

    recipients = [row.to for row in sandbox.ledger()]
    assert len(recipients) == len(set(recipients))


def test_several_workers_share_the_churches(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    sandbox: Sandbox,
    send: Send,
    tmp_path: Path,
) -> None:
    sent = [send(10, recipients=15) for _ in range(10)]
    with running_worker(settings, tmp_path / "one"), running_worker(settings, tmp_path / "two"):
        job_queue.enqueue_expansion(channel="sms")
        for _ in range(3):
            job_queue.enqueue_paced_batch(channel="sms")
        wait_until(lambda: all_sent(database, sent, 15), timeout_seconds=60)

    assert len(sandbox.ledger()) == 150


def test_deliveries_that_are_not_to_be_sent_do_not_wait_for_the_pace(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, send: Send
) -> None:
    """A sender with one text an hour, of whose recipients a hundred opted out after the message was expanded."""
    church_id, message = send(1 / 3600, recipients=102)
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET slowed_until = now() + interval '1 hour'")
    job_queue.enqueue_expansion(channel="sms")
    work()
    with church_scope(database, church_id) as connection:
        for number in numbers(100):
            opt_outs.opt_out(connection, church_id=church_id, address=number, source="staff")
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET slowed_until = '-infinity', tokens = 1, next_claim_at = now()")

    job_queue.enqueue_paced_batch(channel="sms")
    work()

    assert counts(database, church_id, message) == {Status.SUPPRESSED: 100, Status.SENT: 1, Status.QUEUED: 1}


def test_a_refused_sender_does_not_stop_the_others_and_its_job_fails(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker
) -> None:
    refused = create_church(database, sender="+15005550007", segments_per_second=1).church_id
    accepted = create_church(database, segments_per_second=1).church_id
    messages_of = {church_id: compose(database, church_id, numbers=numbers(1)) for church_id in (refused, accepted)}
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET tokens = 1")
    job_queue.enqueue_expansion(channel="sms")
    work()

    assert counts(database, accepted, messages_of[accepted]) == {Status.SENT: 1}
    assert counts(database, refused, messages_of[refused]) == {Status.QUEUED: 1}
    assert rq_queue(redis, "sms").failed_job_registry.count == 1
    with system_scope(database) as connection:
        assert senders.resume(connection, church_id=refused, channel="sms")


def test_a_throttled_church_waits_and_the_others_go_on(
    database: Database,
    job_queue: RedisJobQueue,
    work: RunWorker,
    sandbox: Sandbox,
    send: Send,
) -> None:
    throttled, _ = send(1, recipients=2)
    other, message = send(1, recipients=1)
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET tokens = 1")
        senders.throttle(connection, church_id=throttled, channel="sms", at_least_seconds=600)
    job_queue.enqueue_expansion(channel="sms")
    work()

    assert counts(database, other, message) == {Status.SENT: 1}
    assert len(sandbox.ledger()) == 1


def test_a_slow_carrier_leaves_slots_to_churches_without_a_pace(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    sandbox: Sandbox,
    send: Send,
    tmp_path: Path,
) -> None:
    """Forty paced churches and twenty slots: when slots are free again, nobody has been forgotten."""
    sandbox.set_faults(Faults(latency_ms=300))
    few_slots = settings.model_copy(update={"carrier_connections": 20})
    paced = [send(5, recipients=3) for _ in range(40)]
    church_id = create_church(database).church_id
    unpaced = compose(database, church_id, numbers=numbers(10, first=500))
    with running_worker(few_slots, tmp_path / "output"):
        job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: counts(database, church_id, unpaced) == {Status.SENT: 10}, timeout_seconds=60)
        wait_until(lambda: all_sent(database, paced, 3), timeout_seconds=60)

    assert len(sandbox.ledger()) == 130


def test_a_church_that_cannot_be_claimed_for_does_not_stop_the_others(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, send: Send
) -> None:
    """PostgreSQL does not know the time zone of one church, so that the claim for all churches fails."""
    broken, _ = send(1, recipients=2)
    sound, message = send(1, recipients=1)
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET slowed_until = now() + interval '1 hour'")
    job_queue.enqueue_expansion(channel="sms")
    work()
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET slowed_until = '-infinity', tokens = 1, next_claim_at = now()")
        connection.execute("UPDATE deliveries SET time_zones = NULL")
        connection.execute(
            "UPDATE churches SET time_zone = 'Nowhere/Nothing', window_opens = 540, window_closes = 1260"
            " WHERE church_id = %s",
            (broken,),
        )

    job_queue.enqueue_paced_batch(channel="sms")
    work()

    assert counts(database, sound, message) == {Status.SENT: 1}
    failed = {job_id.partition("-")[0] for job_id in rq_queue(redis, "sms").failed_job_registry.get_job_ids()}
    assert "submit_paced_batch" in failed, "operators see it"


def test_without_workers_a_request_does_not_wait_for_the_pace(
    settings: Settings, database: Database, sandbox: Sandbox, send: Send
) -> None:
    """The results take longer than the interval of the paced job; it must not go on in the same call."""
    sandbox.set_faults(Faults(latency_ms=600))
    church_id, message = send(4, recipients=50)
    with system_scope(database) as connection:
        connection.execute("UPDATE senders SET tokens = 1")
    inline = InlineJobQueue(settings.model_copy(update={"enable_queues": False}))
    try:
        assert inline.enqueue_expansion(channel="sms")
        assert inline.enqueue_paced_batch(channel="sms")
    finally:
        inline.close()

    found = counts(database, church_id, message)
    assert 1 <= found[Status.SENT] <= 20
    assert found[Status.SENT] + found[Status.QUEUED] == 50
