"""`flask failed`: the failed jobs, and what a requeue of each will do."""

from __future__ import annotations

import json
import time

import pytest
from redis import Redis

from jobs.job_queue.job_kinds import ENQUEUE_DUE, EXPAND_MESSAGES, SUBMIT_BATCH
from store import suspensions
from store.database import Database, system_scope
from tests.harness.churches import create_church
from tests.integration.commands.conftest import Run
from tests.integration.commands.failed_jobs import (
    BUG,
    DATABASE_AWAY,
    REFUSED,
    TIMED_OUT,
    fail,
    listed,
    queued,
    refuse_sender,
)
from tests.integration.jobs.conftest import expanded
from tests.integration.jobs.hostile_jobs import call, push
from tests.integration.jobs.scheduling import rows


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
