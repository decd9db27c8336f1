"""A suspended church sends nothing, whatever else is resumed, set or requeued, until it is resumed itself."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from redis import Redis

from jobs.job_queue.job_kinds import ENQUEUE_DUE
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.checked_job import CheckedQueue
from messaging.states import Status
from store import senders, suspensions
from store.database import Database, system_scope
from tests.harness.churches import add_contacts, create_church
from tests.harness.waiting import wait_until
from tests.integration.jobs.conftest import RunWorker, compose, counts, expanded
from tests.integration.jobs.scheduling import make_schedule, messages_made, rows, run_schedules
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox

REFUSED, GOOD = "+15005550007", "+15005550006"


def suspend(database: Database, church_id: UUID) -> None:
    with system_scope(database) as connection:
        assert suspensions.suspend(connection, church_id, reason="unpaid")


def resume(database: Database, church_id: UUID) -> None:
    with system_scope(database) as connection:
        assert suspensions.resume(connection, church_id) is not None


def set_sender(database: Database, church_id: UUID, *, address: str = GOOD, pace: float | None = None) -> None:
    with system_scope(database) as connection:
        senders.save(
            connection,
            church_id=church_id,
            channel="sms",
            address=address,
            messaging_service_sid=None,
            segments_per_second=pace,
        )


def run_everything(job_queue: RedisJobQueue, work: RunWorker, church_id: UUID) -> None:
    """What the clock enqueues, what an operator may enqueue, and all that follows."""
    job_queue.enqueue_tick(ENQUEUE_DUE)
    work("analytics")
    job_queue.enqueue_expansion(channel="sms")
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    job_queue.enqueue_paced_batch(channel="sms")
    work()


@pytest.mark.parametrize("pace", [None, 1000.0], ids=["without a pace", "with a pace"])
def test_a_suspended_church_sends_what_waited_once_it_is_resumed(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox, pace: float | None
) -> None:
    church_id = create_church(database, segments_per_second=pace).church_id
    message = expanded(database, church_id)
    suspend(database, church_id)

    run_everything(job_queue, work, church_id)
    assert counts(database, church_id, message) == {Status.QUEUED: 3}
    assert sandbox.summary().requests == 0

    resume(database, church_id)
    wait_until(
        lambda: run_everything(job_queue, work, church_id) or counts(database, church_id, message) == {Status.SENT: 3}
    )


def test_the_clock_enqueues_nothing_for_a_suspended_church(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, redis: Redis
) -> None:
    for pace in (None, 1000.0):
        church_id = create_church(database, segments_per_second=pace).church_id
        expanded(database, church_id)
        suspend(database, church_id)

    job_queue.enqueue_tick(ENQUEUE_DUE)
    work("analytics")

    assert CheckedQueue("sms", connection=redis).get_job_ids() == []


def test_a_church_beside_it_sends(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    suspended, other = (create_church(database, segments_per_second=1000.0).church_id for _ in range(2))
    message = expanded(database, other)
    expanded(database, suspended)
    suspend(database, suspended)

    wait_until(lambda: run_everything(job_queue, work, other) or counts(database, other, message) == {Status.SENT: 3})
    assert sandbox.summary().accepted == 3


def test_resuming_the_sender_lifts_its_pause_but_not_the_suspension(
    database: Database, job_queue: RedisJobQueue, work: RunWorker
) -> None:
    church_id = create_church(database).church_id
    message = expanded(database, church_id)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="refused", code="21606")
    suspend(database, church_id)

    with system_scope(database) as connection:
        assert senders.resume(connection, church_id=church_id, channel="sms") == "refused"
    run_everything(job_queue, work, church_id)
    assert counts(database, church_id, message) == {Status.QUEUED: 3}

    resume(database, church_id)
    run_everything(job_queue, work, church_id)
    assert counts(database, church_id, message) == {Status.SENT: 3}


def test_a_sender_that_the_carrier_refused_stays_paused_after_the_suspension(
    database: Database, job_queue: RedisJobQueue, work: RunWorker
) -> None:
    church_id = create_church(database).church_id
    message = expanded(database, church_id)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="refused")
    suspend(database, church_id)
    resume(database, church_id)

    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    assert counts(database, church_id, message) == {Status.QUEUED: 3}


def test_requeuing_the_failed_job_resumes_the_sender_but_not_the_church(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, redis: Redis, sandbox: Sandbox
) -> None:
    church_id = create_church(database, sender=REFUSED).church_id
    message = compose(database, church_id, numbers=numbers(2))
    job_queue.enqueue_expansion(channel="sms")
    work()
    failed = CheckedQueue("sms", connection=redis).failed_job_registry
    [job_id] = failed.get_job_ids()
    rows(database, "UPDATE senders SET address = %(good)s", good=GOOD)
    suspend(database, church_id)

    failed.requeue(job_id)
    work()

    assert counts(database, church_id, message) == {Status.QUEUED: 2}
    assert rows(database, "SELECT paused_at, paused_code, church_suspended FROM senders") == [(None, None, True)]
    resume(database, church_id)
    run_everything(job_queue, work, church_id)
    assert counts(database, church_id, message) == {Status.SENT: 2}


def test_the_code_of_a_refusal_is_kept(database: Database, job_queue: RedisJobQueue, work: RunWorker) -> None:
    church_id = create_church(database, sender=REFUSED).church_id
    compose(database, church_id, numbers=numbers(1))
    job_queue.enqueue_expansion(channel="sms")

    work()

    assert rows(database, "SELECT paused_code FROM senders") == [("21606",)]


@pytest.mark.parametrize("has_sender", [True, False], ids=["replaced", "new"])
def test_a_sender_that_is_set_during_a_suspension_sends_nothing(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox, has_sender: bool
) -> None:
    church_id = create_church(database, sender=GOOD if has_sender else None).church_id
    suspend(database, church_id)

    set_sender(database, church_id)
    assert rows(database, "SELECT church_suspended FROM senders") == [(True,)]

    resume(database, church_id)
    assert rows(database, "SELECT church_suspended FROM senders") == [(False,)]


def test_a_sender_that_is_set_while_the_church_is_being_suspended_is_suspended(database: Database) -> None:
    church_id = create_church(database, sender=None).church_id
    setting = threading.Thread(target=set_sender, args=(database, church_id))

    with system_scope(database) as connection:
        suspensions.suspend(connection, church_id, reason="unpaid")
        setting.start()
        wait_until(
            lambda: rows(database, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
            condition="the other transaction waits for the lock of the church",
        )
    setting.join()

    assert rows(database, "SELECT church_suspended FROM senders") == [(True,)]


def test_a_run_of_a_schedule_is_recorded_as_skipped(database: Database) -> None:
    church_id = create_church(database).church_id
    now = datetime.now(UTC).replace(microsecond=0)
    schedule = make_schedule(database, church_id, after=now - timedelta(days=1), starts_at=f"{now:%Y-%m-%d %H:%M}")
    suspend(database, church_id)

    run_schedules(database, now=schedule.next_run_at)

    assert rows(database, "SELECT outcome, reason, message_id FROM schedule_runs") == [
        ("skipped", "the church is suspended", None)
    ]
    resume(database, church_id)
    [(next_run_at,)] = rows(database, "SELECT next_run_at FROM schedules")
    run_schedules(database, now=next_run_at)
    assert messages_made(database, schedule) == 1


def test_what_became_too_old_fails_as_too_late_and_can_be_counted_before(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    old, fresh = expanded(database, church_id), expanded(database, church_id)
    rows(database, "UPDATE messages SET send_at = now() - interval '7 days' WHERE message_id = %(old)s", old=old)
    suspend(database, church_id)
    with system_scope(database) as connection:
        waiting = suspensions.count_waiting(connection, church_id, age_limit_seconds=86_400)
    assert (waiting.due, waiting.too_late) == (6, 3)

    resume(database, church_id)
    run_everything(job_queue, work, church_id)

    assert counts(database, church_id, old) == {Status.FAILED: 3}
    assert counts(database, church_id, fresh) == {Status.SENT: 3}
    assert rows(database, "SELECT DISTINCT reason FROM deliveries WHERE message_id = %(old)s", old=old) == [
        ("too late to be sent",)
    ]


def test_a_message_that_is_due_during_a_suspension_is_expanded_and_waits(
    database: Database, job_queue: RedisJobQueue, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=2)
    message = compose(database, church_id)
    suspend(database, church_id)

    run_everything(job_queue, work, church_id)

    assert counts(database, church_id, message) == {Status.QUEUED: 2}
    assert sandbox.summary().requests == 0
