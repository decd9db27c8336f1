"""From a rung bell to recorded outcomes."""

from __future__ import annotations

from redis import Redis
from rq.job import Job
from rq.registry import FailedJobRegistry

from jobs.queues import queue
from jobs.redis_doorbell import RedisDoorbell
from jobs.ticks import TICKS
from messaging.states import Status
from sandbox.control import Faults, Sandbox
from settings import Settings
from store import churches, messages
from store.database import Database, church_scope, system_scope
from tests.harness.churches import add_contacts, found_church
from tests.integration.jobs.conftest import RunWorker, compose, counts

TICK = {tick.kind.name: tick.kind for tick in TICKS}


def test_everyone_gets_the_message_once(
    database: Database, doorbell: RedisDoorbell, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    add_contacts(database, church, count=180)  # several turns
    message = compose(database, church)

    doorbell.ring_expansion(channel="sms")
    work()

    recipients = [row.to for row in sandbox.ledger()]
    assert len(recipients) == len(set(recipients)) == 180
    assert counts(database, church, message) == {Status.SENT: 180}
    with church_scope(database, church) as connection:
        found = messages.get(connection, church_id=church, message_id=message)
    assert found is not None
    assert found.status == "completed"


def test_a_job_that_runs_twice_finds_nothing_left(
    database: Database, doorbell: RedisDoorbell, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    add_contacts(database, church, count=3)
    compose(database, church)

    for _ in range(3):
        doorbell.ring_expansion(channel="sms")
        doorbell.ring_turn(channel="sms", church_id=church)
        work()

    assert len(sandbox.ledger()) == 3


def test_one_job_waits_however_often_it_is_rung_for(
    settings: Settings, database: Database, doorbell: RedisDoorbell, redis: Redis
) -> None:
    church = found_church(database).church_id
    other = found_church(database).church_id

    for _ in range(20):
        doorbell.ring_turn(channel="sms", church_id=church)
        RedisDoorbell(settings).ring_turn(channel="sms", church_id=other)

    assert len(queue(redis, "sms")) == 2


def test_a_job_that_a_worker_took_and_died_with_is_rung_for_again(
    database: Database, doorbell: RedisDoorbell, redis: Redis
) -> None:
    church = found_church(database).church_id
    doorbell.ring_turn(channel="sms", church_id=church)
    taken = redis.rpop("rq:queue:sms")
    assert taken is not None

    doorbell.ring_turn(channel="sms", church_id=church)

    assert len(queue(redis, "sms")) == 1


def test_after_redis_was_emptied_the_bell_is_heard_again(
    database: Database, doorbell: RedisDoorbell, redis: Redis, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    add_contacts(database, church, count=2)
    message = compose(database, church)
    doorbell.ring_expansion(channel="sms")

    redis.flushdb()
    doorbell.ring_tick(TICK["dispatch"])
    work("analytics")
    work()

    assert counts(database, church, message) == {Status.SENT: 2}


def test_ringing_without_redis_is_not_heard_and_does_no_harm(settings: Settings, free_port: int) -> None:
    deaf = RedisDoorbell(settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port}/0"}))

    assert deaf.ring_receipts() is False
    assert deaf.check() is not None


def test_jobs_carry_ids_only(database: Database, doorbell: RedisDoorbell, redis: Redis) -> None:
    church = found_church(database).church_id
    compose(database, church, numbers=["+12025550123"], content="the secret word")

    doorbell.ring_expansion(channel="sms")

    everything = b""
    for key in redis.scan_iter():
        everything += key + (redis.dump(key) or b"")
    assert b"12025550123" not in everything
    assert b"secret" not in everything


def test_a_refused_recipient_fails_alone(
    database: Database, doorbell: RedisDoorbell, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    message = compose(database, church, numbers=["+15005550009", "+12025550123"])

    doorbell.ring_expansion(channel="sms")
    work()

    assert counts(database, church, message) == {Status.FAILED: 1, Status.SENT: 1}


def test_who_opted_out_at_the_carrier_is_never_written_to_again(
    database: Database, doorbell: RedisDoorbell, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    first = compose(database, church, numbers=["+15005550004"])
    doorbell.ring_expansion(channel="sms")
    work()

    second = compose(database, church, numbers=["+15005550004"])
    doorbell.ring_expansion(channel="sms")
    work()

    assert counts(database, church, first) == {Status.FAILED: 1}
    assert counts(database, church, second) == {Status.SUPPRESSED: 1}
    assert sandbox.summary().create_requests == 1


def test_too_many_requests_slow_the_sender_and_lose_nothing(
    settings: Settings, database: Database, doorbell: RedisDoorbell, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    message = compose(database, church, numbers=["+12025550123"])
    sandbox.set_faults(Faults(too_many_requests=1.0))
    impatient = settings.model_copy(update={"retry_limit": 0})
    doorbell.ring_expansion(channel="sms")
    work(with_settings=impatient)

    doorbell.ring_turn(channel="sms", church_id=church)
    work(with_settings=impatient)
    assert sandbox.summary().create_requests == 1, "a slowed sender is left alone"
    assert counts(database, church, message) == {Status.QUEUED: 1}, "a submission nobody looked at is no try"

    sandbox.clear_faults()
    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now()")
        connection.execute("UPDATE senders SET slowed_until = '-infinity'")
    doorbell.ring_turn(channel="sms", church_id=church)
    work()
    assert counts(database, church, message) == {Status.SENT: 1}


def test_a_carrier_that_cannot_be_reached_costs_no_try_but_time(
    settings: Settings, database: Database, doorbell: RedisDoorbell, work: RunWorker, free_port: int, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    message = compose(database, church, numbers=["+12025550123"])
    away = settings.model_copy(update={"twilio_api_base_url": f"http://127.0.0.1:{free_port}", "retry_limit": 0})
    doorbell.ring_expansion(channel="sms")
    work(with_settings=away)
    assert counts(database, church, message) == {Status.QUEUED: 1}

    with system_scope(database) as connection:
        connection.execute("UPDATE deliveries SET due_at = now()")
        connection.execute("UPDATE senders SET slowed_until = '-infinity'")
        connection.execute("UPDATE messages SET send_at = now() - interval '25 hours'")
    doorbell.ring_turn(channel="sms", church_id=church)
    work(with_settings=away)

    assert counts(database, church, message) == {Status.FAILED: 1}, "its hour is over"


def test_a_refused_sender_stops_and_is_seen_and_mended_by_a_requeue(
    database: Database, doorbell: RedisDoorbell, redis: Redis, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database, sender="+15005550007").church_id
    message = compose(database, church, numbers=["+12025550123", "+12025550124"])
    doorbell.ring_expansion(channel="sms")
    work()

    failed = FailedJobRegistry(queue=queue(redis, "sms"))
    (job_id,) = failed.get_job_ids()
    job = Job.fetch(job_id, connection=redis, serializer=queue(redis, "sms").serializer)
    result = job.latest_result()
    assert result is not None
    assert "SenderRefused" in str(result.exc_string)
    assert counts(database, church, message) == {Status.QUEUED: 2}

    doorbell.ring_tick(TICK["dispatch"])
    work("analytics")
    work()
    assert sandbox.summary().create_requests == 2, "a paused sender is left alone"

    with system_scope(database) as connection:  # mended, in the way that leaves the pause to the operator's requeue
        connection.execute("UPDATE senders SET address = '+15005550006'")
    failed.requeue(job_id)
    work()

    assert counts(database, church, message) == {Status.SENT: 2}
    assert failed.count == 0


def test_the_dispatch_tick_finds_what_nobody_rang_for(
    database: Database, doorbell: RedisDoorbell, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    message = compose(database, church, numbers=["+12025550123"])

    doorbell.ring_tick(TICK["dispatch"])
    work("analytics")
    work()

    assert counts(database, church, message) == {Status.SENT: 1}


def test_a_paced_sender_sends_no_faster(
    database: Database, doorbell: RedisDoorbell, work: RunWorker, sandbox: Sandbox
) -> None:
    church = found_church(database, segments_per_second=10).church_id
    add_contacts(database, church, count=100)
    message = compose(database, church)
    doorbell.ring_expansion(channel="sms")

    work()
    with system_scope(database) as connection:
        connection.execute("SELECT pg_sleep(0.5)")
    doorbell.ring_turn(channel="sms", church_id=church)
    work()

    assert 4 <= counts(database, church, message)[Status.SENT] < 60


def test_a_sender_may_be_resumed_by_command_too(database: Database) -> None:
    church = found_church(database).church_id
    with system_scope(database) as connection:
        churches.pause_sender(connection, church_id=church, channel="sms", reason="test")
        assert churches.report_refusal(connection, church, "sms", job_id="a job") == "test"
        assert not churches.resume_sender(connection, church_id=church, channel="sms", paused_by="another job")
        assert churches.resume_sender(connection, church_id=church, channel="sms")
        assert not churches.resume_sender(connection, church_id=church, channel="sms")
