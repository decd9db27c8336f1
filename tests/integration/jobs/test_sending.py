"""From an enqueued job to recorded results."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

from redis import Redis
from rq.job import Job
from rq.registry import FailedJobRegistry

from jobs.clock.ticks import TICKS
from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store import messages, senders
from store.database import Database, church_scope, system_scope
from tests.harness.churches import add_contacts, create_church
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tools.sandbox.control import Faults, Sandbox

FIRST_SECOND = 10
"""What a sender with ten segments a second may have saved up before a send."""
TICK = {tick.kind.name: tick.kind for tick in TICKS}


def test_everyone_gets_the_message_once(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=180)  # several batches
    message = compose(database, church_id)

    job_queue.enqueue_expansion(channel="sms")
    work()

    recipients = [row.to for row in sandbox.ledger()]
    assert len(recipients) == len(set(recipients)) == 180
    assert counts(database, church_id, message) == {Status.SENT: 180}
    with church_scope(database, church_id) as connection:
        found = messages.get(connection, church_id=church_id, message_id=message)
    assert found is not None
    assert found.status == "completed"


def test_a_job_that_runs_again_sends_nothing_again(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=3)
    compose(database, church_id)

    for _ in range(3):
        job_queue.enqueue_expansion(channel="sms")
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        work()

    assert len(sandbox.ledger()) == 3


def test_a_job_that_waits_is_not_enqueued_again(
    settings: Settings, database: Database, job_queue: RedisJobQueue, redis: Redis
) -> None:
    church_id = create_church(database).church_id
    other = create_church(database).church_id

    for _ in range(20):
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        RedisJobQueue(settings).enqueue_batch(channel="sms", church_id=other)

    assert len(rq_queue(redis, "sms")) == 2


def test_a_job_whose_worker_was_killed_is_enqueued_again(
    database: Database, job_queue: RedisJobQueue, redis: Redis
) -> None:
    church_id = create_church(database).church_id
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    taken = redis.rpop("rq:queue:sms")
    assert taken is not None

    job_queue.enqueue_batch(channel="sms", church_id=church_id)

    assert len(rq_queue(redis, "sms")) == 1


def test_after_redis_was_emptied_jobs_are_enqueued_again(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=2)
    message = compose(database, church_id)
    job_queue.enqueue_expansion(channel="sms")

    redis.flushdb()
    job_queue.enqueue_tick(TICK["enqueue_due"])
    work("analytics")
    work()

    assert counts(database, church_id, message) == {Status.SENT: 2}


def test_enqueueing_without_redis_returns_false_and_raises_nothing(settings: Settings, free_port: int) -> None:
    unreachable = RedisJobQueue(settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port}/0"}))

    assert unreachable.enqueue_receipts() is False
    assert unreachable.check() is not None


def test_jobs_carry_ids_only(database: Database, job_queue: RedisJobQueue, redis: Redis) -> None:
    church_id = create_church(database).church_id
    compose(database, church_id, numbers=["+12025550123"], content="the secret word")

    job_queue.enqueue_expansion(channel="sms")

    everything = b""
    for key in cast("Iterator[bytes]", redis.scan_iter()):
        everything += key + (redis.dump(key) or b"")
    assert b"12025550123" not in everything
    assert b"secret" not in everything


def test_a_refused_recipient_fails_alone(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    message = compose(database, church_id, numbers=["+15005550009", "+12025550123"])

    job_queue.enqueue_expansion(channel="sms")
    work()

    assert counts(database, church_id, message) == {Status.FAILED: 1, Status.SENT: 1}


def test_a_recipient_who_opted_out_at_the_carrier_is_suppressed_from_then_on(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    first = compose(database, church_id, numbers=["+15005550004"])
    job_queue.enqueue_expansion(channel="sms")
    work()

    second = compose(database, church_id, numbers=["+15005550004"])
    job_queue.enqueue_expansion(channel="sms")
    work()

    assert counts(database, church_id, first) == {Status.FAILED: 1}
    assert counts(database, church_id, second) == {Status.SUPPRESSED: 1}
    assert sandbox.summary().create_requests == 1


def test_a_429_throttles_the_sender_and_is_not_counted_as_a_try(
    settings: Settings, database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    message = compose(database, church_id, numbers=["+12025550123"])
    sandbox.set_faults(Faults(too_many_requests=1.0))
    no_retries = settings.model_copy(update={"retry_limit": 0})
    job_queue.enqueue_expansion(channel="sms")
    work(with_settings=no_retries)

    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work(with_settings=no_retries)
    assert sandbox.summary().create_requests == 1, "a throttled sender submits nothing"
    assert counts(database, church_id, message) == {Status.QUEUED: 1}, "a throttled submission is not counted as a try"

    sandbox.clear_faults()
    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now()")
        connection.execute("UPDATE senders SET slowed_until = '-infinity'")
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()
    assert counts(database, church_id, message) == {Status.SENT: 1}


def test_without_a_connection_to_the_carrier_no_try_is_counted_and_the_age_limit_holds(
    settings: Settings, database: Database, job_queue: RedisJobQueue, work: RunWorker, free_port: int, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    message = compose(database, church_id, numbers=["+12025550123"])
    away = settings.model_copy(update={"twilio_api_base_url": f"http://127.0.0.1:{free_port}", "retry_limit": 0})
    job_queue.enqueue_expansion(channel="sms")
    work(with_settings=away)
    assert counts(database, church_id, message) == {Status.QUEUED: 1}

    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now()")
        connection.execute("UPDATE senders SET slowed_until = '-infinity'")
        connection.execute("UPDATE messages SET send_at = now() - interval '25 hours'")
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work(with_settings=away)

    assert counts(database, church_id, message) == {Status.FAILED: 1}, "it is too late to send it"


def test_a_refused_sender_is_paused_and_resumed_by_a_requeue(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database, sender="+15005550007").church_id
    message = compose(database, church_id, numbers=["+12025550123", "+12025550124"])
    job_queue.enqueue_expansion(channel="sms")
    work()

    failed = FailedJobRegistry(queue=rq_queue(redis, "sms"))
    (job_id,) = failed.get_job_ids()
    job = Job.fetch(job_id, connection=redis, serializer=rq_queue(redis, "sms").serializer)
    result = job.latest_result()
    assert result is not None
    assert "SenderRefused" in str(result.exc_string)
    assert counts(database, church_id, message) == {Status.QUEUED: 2}

    job_queue.enqueue_tick(TICK["enqueue_due"])
    work("analytics")
    work()
    assert sandbox.summary().create_requests == 2, "a paused sender submits nothing"

    with system_scope(database) as connection:  # fixes the sender and leaves it paused
        connection.execute("UPDATE senders SET address = '+15005550006'")
    failed.requeue(job_id)
    work()

    assert counts(database, church_id, message) == {Status.SENT: 2}
    assert failed.count == 0


def test_the_clock_enqueues_jobs_that_were_not_enqueued(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    message = compose(database, church_id, numbers=["+12025550123"])

    job_queue.enqueue_tick(TICK["enqueue_due"])
    work("analytics")
    work()

    assert counts(database, church_id, message) == {Status.SENT: 1}


def test_a_paced_sender_sends_no_faster_than_its_pace(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database, segments_per_second=10).church_id
    add_contacts(database, church_id, count=100)
    message = compose(database, church_id)
    job_queue.enqueue_expansion(channel="sms")

    began = time.monotonic()
    work()
    with system_scope(database) as connection:  # as if another half a second had passed
        connection.execute("UPDATE senders SET tokens_at = tokens_at - interval '0.5 seconds'")
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    elapsed_seconds = time.monotonic() - began + 0.5
    sent = counts(database, church_id, message)[Status.SENT]
    assert 4 <= sent <= FIRST_SECOND + 10 * elapsed_seconds


def test_only_the_job_that_reported_the_refusal_or_an_operator_resumes_a_sender(database: Database) -> None:
    church_id = create_church(database).church_id
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="test")
        assert senders.report_refusal(connection, church_id, "sms", job_id="a job") == "test"
        assert not senders.resume(connection, church_id=church_id, channel="sms", paused_by="another job")
        assert senders.resume(connection, church_id=church_id, channel="sms")
        assert not senders.resume(connection, church_id=church_id, channel="sms")
