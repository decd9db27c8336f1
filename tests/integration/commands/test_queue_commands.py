"""`flask queues`, `failed` and `requeue` with real queues and a real database, or without one of the two."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis import Redis
from rq.job import JobStatus
from rq.results import Result

from api.commands.support import requeue_outlooks
from jobs.job_queue.job_kinds import ENQUEUE_DUE, EXPAND_MESSAGES, SUBMIT_BATCH, JobKind
from jobs.job_queue.redis_connection import rq_queue
from jobs.worker.checked_job import CheckedJob, CheckedQueue
from settings import Settings
from store import audit, senders, suspensions
from store.database import Database, system_scope
from tests.harness.churches import create_church
from tests.harness.private_postgres import private_postgres
from tests.harness.private_redis import PrivateRedis
from tests.integration.commands.conftest import Run
from tests.integration.jobs.conftest import expanded
from tests.integration.jobs.hostile_jobs import call, push
from tests.integration.jobs.scheduling import rows

DATABASE_AWAY = (
    'Traceback (most recent call last):\n  File "x.py", line 1, in x\npsycopg.OperationalError: connection lost'
)
BUG = 'Traceback (most recent call last):\n  File "x.py", line 1, in x\nKeyError: "the text of +12025550123"'
REFUSED = "jobs.submit_batch.SenderRefused: The carrier refuses the church's sender: not ours."
TIMED_OUT = (
    'Traceback:\n  File "x.py", line 1\nrq.timeouts.JobTimeoutException: Task exceeded maximum timeout value (300 s)'
)


def fail(redis: Redis, kind: JobKind, *arguments: str, text: str, queue: str = "sms") -> str:
    """Put a job among the failed ones, as RQ does. Returns its id."""
    job = rq_queue(redis, queue).enqueue_call(
        kind.path, args=arguments, job_id=f"{kind.name}-{uuid4().hex}", failure_ttl=kind.keep_failed_seconds
    )
    redis.lrem(rq_queue(redis, queue).key, 1, job.id)
    stored = CheckedJob.fetch(job.id, connection=redis)
    with redis.pipeline() as pipeline:
        stored.set_status(JobStatus.FAILED, pipeline=pipeline)
        stored.failed_job_registry.add(stored, ttl=kind.keep_failed_seconds, exc_string="", pipeline=pipeline)
        Result.create_failure(stored, ttl=kind.keep_failed_seconds, exc_string=text, pipeline=pipeline)
        pipeline.execute()
    return job.id


def refuse_sender(database: Database, church_id: UUID, job_id: str) -> None:
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="the number is not ours", code="21606")
        senders.report_refusal(connection, church_id, "sms", job_id=job_id)


def listed(run: Run, *options: str) -> dict[str, Any]:
    result = run("failed", *options, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def queued(redis: Redis, queue: str = "sms") -> list[str]:
    return CheckedQueue(queue, connection=redis).get_job_ids()


def audited(database: Database) -> list[tuple[str, str, UUID | None]]:
    with system_scope(database) as connection:
        return [(each.action, each.subject, each.church_id) for each in audit.list_events(connection, limit=100_000)]


# queues


def test_due_work_without_a_job_in_redis_is_seen(run: Run, database: Database, redis: Redis) -> None:
    church_id = create_church(database).church_id
    message = expanded(database, church_id)
    rows(database, "UPDATE deliveries SET due_at = now() - interval '5 minutes' WHERE message_id = %(id)s", id=message)

    result = run("queues")

    assert result.exit_code == 0
    assert "! 3 deliveries of sms are due, but no job is queued: does the clock run" in result.stdout
    assert "! No worker serves sms: python worker.py sms" in result.stdout
    [line] = [line for line in result.stdout.splitlines() if "claim 3" in line]
    assert line.split()[:5] == ["sms", "0", "3", "5", "min"]


def test_deliveries_are_counted_by_what_they_wait_for(run: Run, database: Database) -> None:
    paused, suspended, slowed, paced, ready = (
        create_church(database, segments_per_second=pace).church_id for pace in (None, None, None, 1.0, None)
    )
    for church_id in (paused, suspended, slowed, paced, ready):
        expanded(database, church_id)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=paused, channel="sms", reason="refused")
        senders.throttle(connection, church_id=slowed, channel="sms", at_least_seconds=600)
        suspensions.suspend(connection, suspended, reason="unpaid")

    report = json.loads(run("queues", "--json").stdout)

    [sms] = [each for each in report["report"]["due"]["channels"] if each["channel"] == "sms"]
    assert {each["waitsFor"]: (each["deliveries"], each["churches"]) for each in sms["due"]} == dict.fromkeys(
        ("sender-paused", "church-suspended", "carrier-limit", "pace", "claim"), (3, 1)
    )


def test_deliveries_of_paused_messages_are_not_due(run: Run, database: Database) -> None:
    expanded(database, create_church(database).church_id)
    rows(database, "UPDATE deliveries SET due_at = 'infinity'")

    report = json.loads(run("queues", "--json").stdout)

    assert [each["due"] for each in report["report"]["due"]["channels"]] == [[], [], []]


def test_jobs_that_wait_run_and_failed_are_counted_and_a_suspension_of_the_workers_is_seen(
    run: Run, redis: Redis, database: Database
) -> None:
    church_id = create_church(database).church_id
    push(redis, call(SUBMIT_BATCH.path, str(church_id), "sms"))
    fail(redis, SUBMIT_BATCH, str(church_id), "sms", text=BUG)
    redis.set("rq:suspended", 1)

    result = run("queues")

    [line] = [line for line in result.stdout.splitlines() if line.startswith("sms ")][:1]
    assert line.split()[1] == "1"
    assert "(suspended)" in line
    assert "! Workers take no jobs, because Redis has the key rq:suspended" in result.stdout
    assert "! 1 job of sms failed: flask failed" in result.stdout


def test_what_a_worker_does_is_shown_with_the_name_of_the_church(run: Run, redis: Redis, database: Database) -> None:
    church_id = create_church(database).church_id
    [(name,)] = rows(database, "SELECT name FROM churches")
    job_id = push(redis, call(SUBMIT_BATCH.path, str(church_id), "sms"))
    redis.sadd("rq:workers:sms", "rq:worker:w1")
    fields: dict[Any, Any] = {"hostname": "host-1", "pid": "4711", "state": "busy", "current_job": job_id}
    redis.hset("rq:worker:w1", mapping=fields)

    result = run("queues")

    assert f"host-1 4711  submit_batch for {name}" in result.stdout


def test_keys_of_another_type_do_not_stop_the_report(run: Run, redis: Redis, database: Database) -> None:
    redis.set("rq:queue:sms", "x")
    redis.set("rq:failed:mms", "x")
    redis.set("rq:workers:mail", "x")
    redis.rpush("rq:queue:analytics", b"\xff\xfe", "a job that does not exist")

    result = run("queues")

    assert result.exit_code == 0
    for queue in ("sms", "mms", "mail"):
        assert f"! A key of {queue} in Redis is not of the type that RQ writes: delete it" in result.stdout


def test_without_redis_the_due_work_is_shown(run: Run, database: Database, free_port: int) -> None:
    expanded(database, create_church(database).church_id)

    result = run("queues", redis_url=f"redis://127.0.0.1:{free_port}/0")

    assert result.exit_code == 1
    assert "Queues: Redis does not answer (ConnectionError)" in result.stdout
    assert "claim 3" in result.stdout


def test_a_redis_that_stands_still_does_not_hold_the_report_up(
    run: Run, database: Database, tmp_path: Path, free_port: int
) -> None:
    expanded(database, create_church(database).church_id)
    private = PrivateRedis(tmp_path, free_port)
    private.start()
    try:
        with private.suspended():
            result = run("queues", redis_url=private.url)
    finally:
        private.close()

    assert result.exit_code == 1
    assert "Queues: Redis does not answer (TimeoutError)" in result.stdout
    assert "claim 3" in result.stdout


def test_without_postgresql_the_queues_are_shown(run: Run, redis: Redis, free_port: int) -> None:
    push(redis, call(ENQUEUE_DUE.path), queue="analytics")

    result = run("queues", database_url=f"postgresql://koinonia@127.0.0.1:{free_port}/koinonia")

    assert result.exit_code == 1
    assert "Due: The database cannot be reached" in result.stdout
    [line] = [line for line in result.stdout.splitlines() if line.startswith("analytics ")][:1]
    assert line.split()[1] == "1"


def test_a_postgresql_that_stands_still_does_not_hold_the_report_up(run: Run, redis: Redis, tmp_path: Path) -> None:
    push(redis, call(ENQUEUE_DUE.path), queue="analytics")

    with private_postgres(tmp_path) as own, own.suspended():
        result = run("queues", database_url=own.url)

    assert result.exit_code == 1
    assert "Due: The database cannot be reached" in result.stdout
    [line] = [line for line in result.stdout.splitlines() if line.startswith("analytics ")][:1]
    assert line.split()[1] == "1"


# failed


def test_a_refused_sender_is_named_with_the_carriers_code_and_what_a_requeue_will_do(
    run: Run, redis: Redis, database: Database
) -> None:
    church_id = create_church(database, sender="+15005550007").church_id
    message = expanded(database, church_id)
    rows(
        database,
        "UPDATE deliveries SET status = 'sent' WHERE address = '+12025550000'",
    )
    job_id = fail(redis, SUBMIT_BATCH, str(church_id), "sms", text=REFUSED)
    refuse_sender(database, church_id, job_id)
    [(name,)] = rows(database, "SELECT name FROM churches")

    result = run("failed")

    assert f"The carrier refused the sender +*********07 of {name}: 21606 the number is not ours" in result.stdout
    assert "The sender is resumed. 1 of 3 already sent: 2 will be sent." in result.stdout
    assert "+15005550007" not in result.stdout
    assert str(message) not in result.stdout
    [job] = listed(run)["jobs"]
    assert (job["reason"], job["churchId"], job["runs"]) == ("sender-refused", str(church_id), 1)


def test_what_a_requeue_will_do_follows_the_state_of_the_church(run: Run, redis: Redis, database: Database) -> None:
    church_id = create_church(database).church_id
    job_id = fail(redis, SUBMIT_BATCH, str(church_id), "sms", text=DATABASE_AWAY)

    def outlook() -> str:
        [job] = listed(run)["jobs"]
        return job["requeue"]

    assert outlook() == "Nothing is left to send."
    expanded(database, church_id)
    assert outlook() == "0 of 3 already sent: 3 will be sent."
    refuse_sender(database, church_id, "another job")
    assert outlook().startswith("Nothing is sent: the sender is still paused because of a later refusal")
    with system_scope(database) as connection:
        suspensions.suspend(connection, church_id, reason="unpaid")
    assert outlook() == "Nothing is sent: the church is suspended (unpaid)."
    rows(database, "UPDATE churches SET suspended_at = NULL, suspended_reason = NULL")
    rows(database, "DELETE FROM senders")
    assert outlook() == "Nothing is sent: the church has no sender for sms any more."
    redis.delete(f"rq:job:{job_id}")
    assert listed(run)["jobs"] == []


def test_each_reason_has_a_kind_and_its_text_quotes_nothing(run: Run, redis: Redis, database: Database) -> None:
    church = str(create_church(database).church_id)
    for text in (DATABASE_AWAY, BUG, TIMED_OUT):
        fail(redis, SUBMIT_BATCH, church, "sms", text=text)
    fail(redis, SUBMIT_BATCH, church, "sms", text="x\n  y\npsycopg.errors.QueryCanceled: canceling +12025550123")
    fail(redis, SUBMIT_BATCH, church, "sms", text="x\n  y\nredis.exceptions.TimeoutError: Timeout reading")
    fail(redis, SUBMIT_BATCH, church, "sms", text="Moved to FailedJobRegistry, due to AbandonedJobError, at 2026")
    fail(redis, EXPAND_MESSAGES, "sms", text="x\n  y\njobs.expand_messages.ExpansionFailed: message 01a2")
    fail(redis, ENQUEUE_DUE, text="", queue="analytics")

    found = listed(run)

    assert found["byReason"] == {
        "database-away": 1, "error": 2, "timeout": 1, "database-busy": 1, "redis-away": 1, "worker-lost": 1,
        "audience-failed": 1,
    }  # fmt: skip
    assert "2025550" not in json.dumps(found)
    assert [job["requeue"] for job in found["jobs"] if job["job"] == "enqueue_due"] == [
        "The clock enqueues this job by itself, so nothing is left to requeue."
    ]


def test_jobs_that_are_not_ours_are_shown_and_not_requeued(run: Run, redis: Redis, database: Database) -> None:
    job_id = push(redis, call("os.system", "true"), status="failed")
    redis.lrem("rq:queue:sms", 1, job_id)
    redis.zadd("rq:failed:sms", {job_id: time.time() + 1000})
    redis.zadd("rq:failed:sms", {b"\xff\x1b[2J": time.time() + 1000})
    redis.set("rq:failed:mms", "x")
    redis.delete("rq:failed:mms")

    [job] = listed(run)["jobs"]
    assert (job["jobId"], job["requeue"]) == (job_id, "It is refused again. Delete it at /rq.")

    result = run("requeue", "--all")
    assert f"{job_id}: skipped, a worker would refuse it again" in result.stdout
    assert queued(redis) == []


def test_jobs_are_selected_by_reason_and_church(run: Run, redis: Redis, database: Database) -> None:
    one, other = (str(create_church(database).church_id) for _ in range(2))
    wanted = fail(redis, SUBMIT_BATCH, one, "sms", text=DATABASE_AWAY)
    fail(redis, SUBMIT_BATCH, other, "sms", text=DATABASE_AWAY)
    fail(redis, SUBMIT_BATCH, one, "sms", text=BUG)

    found = listed(run, "--reason", "database-away", "--church", one)

    assert [job["jobId"] for job in found["jobs"]] == [wanted]


def test_failed_jobs_are_shown_without_postgresql(run: Run, redis: Redis, database: Database, free_port: int) -> None:
    job_id = fail(redis, SUBMIT_BATCH, str(create_church(database).church_id), "sms", text=DATABASE_AWAY)

    result = run("failed", database_url=f"postgresql://koinonia@127.0.0.1:{free_port}/koinonia")

    assert result.exit_code == 0
    assert job_id in result.stdout
    assert "It is not known what a requeue will do" in result.stdout
    assert "! The database cannot be reached" in result.stdout


@pytest.mark.parametrize("command", [("failed",), ("requeue", "--all")], ids=["failed", "requeue"])
def test_a_missing_redis_is_reported_in_one_line(run: Run, free_port: int, command: tuple[str, ...]) -> None:
    result = run(*command, redis_url=f"redis://127.0.0.1:{free_port}/0")

    assert result.exit_code == 1
    assert "Error: Redis does not answer (ConnectionError)" in result.stderr


# requeue


def test_jobs_are_requeued_by_reason_and_recorded(run: Run, redis: Redis, database: Database) -> None:
    church_id = create_church(database).church_id
    away = [fail(redis, SUBMIT_BATCH, str(church_id), "sms", text=DATABASE_AWAY) for _ in range(2)]
    other = fail(redis, SUBMIT_BATCH, str(church_id), "sms", text=BUG)

    dry = run("requeue", "--reason", "database-away", "--dry-run")
    assert dry.exit_code == 0
    assert "2 would be requeued" in dry.stdout
    assert (queued(redis), audited(database)) == ([], [])

    result = run("requeue", "--reason", "database-away")

    assert result.exit_code == 0
    assert "2 requeued." in result.stdout
    assert sorted(queued(redis)) == sorted(away)
    assert [job["jobId"] for job in listed(run)["jobs"]] == [other]
    assert sorted(audited(database)) == sorted([("job.requeued", job_id, church_id) for job_id in away])

    again = run("requeue", "--reason", "database-away")
    assert "No failed job matches." in again.stdout
    assert len(queued(redis)) == 2


def test_jobs_are_requeued_by_id_and_unknown_ids_are_named(run: Run, redis: Redis, database: Database) -> None:
    job_id = fail(redis, SUBMIT_BATCH, str(create_church(database).church_id), "sms", text=DATABASE_AWAY)

    result = run("requeue", job_id, "no-such-job", "x; DROP TABLE", job_id)

    assert result.exit_code == 1
    assert f"{job_id}: requeued." in result.stdout
    assert "no-such-job: not among the failed jobs" in result.stdout
    assert "1 requeued" in result.stdout
    assert queued(redis) == [job_id]
    assert run("requeue", job_id).exit_code == 1, "it is not among the failed jobs any more"
    assert queued(redis) == [job_id]


def test_a_job_that_disappears_meanwhile_is_skipped(
    run: Run, redis: Redis, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It disappears after the jobs were read, and before they are requeued: as when another operator deletes it."""
    church = str(create_church(database).church_id)
    gone, requeued, kept = (fail(redis, SUBMIT_BATCH, church, "sms", text=DATABASE_AWAY) for _ in range(3))
    described = requeue_outlooks.describe

    def describe_and_change(*arguments: Any) -> Any:
        found = described(*arguments)
        CheckedJob.fetch(gone, connection=redis).delete()
        CheckedJob.fetch(requeued, connection=redis).requeue()
        return found

    monkeypatch.setattr(sys.modules["api.commands.requeue"], "describe", describe_and_change)

    result = run("requeue", "--all")

    assert result.exit_code == 0
    assert f"{gone}: disappeared meanwhile" in result.stdout
    assert f"{requeued}: was just requeued or removed by somebody else" in result.stdout
    assert sorted(queued(redis)) == sorted([requeued, kept]), "each once"


def test_nothing_is_requeued_that_cannot_be_recorded(
    run: Run, redis: Redis, database: Database, free_port: int
) -> None:
    fail(redis, SUBMIT_BATCH, str(create_church(database).church_id), "sms", text=DATABASE_AWAY)

    result = run("requeue", "--all", database_url=f"postgresql://koinonia@127.0.0.1:{free_port}/koinonia")

    assert result.exit_code == 1
    assert "Error: The database cannot be reached" in result.stderr
    assert queued(redis) == []
    assert listed(run)["failed"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Name the jobs, or select them with --reason, or all with --all"),
        (("x", "--all"), "Name the jobs, or select them"),
        (("--all", "--reason", "error"), "Name the jobs, or select them"),
        (("x", "--church", "01900000-0000-7000-8000-000000000000"), "--church selects among the jobs"),
        (("--reason", "unknown-kind"), "'unknown-kind' is not one of 'sender-refused'"),
    ],
)
def test_a_wrong_selection_is_refused(run: Run, options: tuple[str, ...], message: str) -> None:
    result = run("requeue", *options)

    assert result.exit_code == 2
    assert message in result.stderr


def fill_failed(redis: Redis, church: str, *, count: int) -> None:
    """Put copies of one failed job among the failed ones."""
    model = fail(redis, SUBMIT_BATCH, church, "sms", text=DATABASE_AWAY)
    job, results = redis.dump(f"rq:job:{model}"), redis.dump(f"rq:results:{model}")
    assert job is not None and results is not None
    with redis.pipeline(transaction=False) as pipeline:
        for number in range(1, count):
            pipeline.restore(f"rq:job:job-{number}", 0, job)
            pipeline.restore(f"rq:results:job-{number}", 0, results)
        pipeline.zadd("rq:failed:sms", {f"job-{number}": time.time() + 1000 + number for number in range(1, count)})
        pipeline.execute()


@pytest.mark.timeout(400)
def test_ten_thousand_failed_jobs_are_shown_in_a_page(run: Run, redis: Redis, database: Database) -> None:
    fill_failed(redis, str(create_church(database).church_id), count=10_000)

    shown = run("failed")

    assert shown.exit_code == 0
    assert "The newest 20 of 10,000: --limit shows more" in shown.stdout
    assert len(shown.stdout.splitlines()) < 120


@pytest.mark.timeout(400)
def test_many_jobs_are_requeued_once_each_and_only_some_get_a_line(run: Run, redis: Redis, database: Database) -> None:
    fill_failed(redis, str(create_church(database).church_id), count=500)

    result = run("requeue", "--all")

    assert result.exit_code == 0
    assert "500 requeued." in result.stdout
    assert len(result.stdout.splitlines()) < 60
    assert len(set(queued(redis))) == len(queued(redis)) == 500
    assert redis.zcard("rq:failed:sms") == 0
    assert len(audited(database)) == 500


def test_commands_without_queues_say_so(run: Run, settings: Settings) -> None:
    assert "switched off (ENABLE_QUEUES=false)" in run("queues", enable_queues=False).stdout
    assert "Queues are switched off" in run("failed", enable_queues=False).stderr
