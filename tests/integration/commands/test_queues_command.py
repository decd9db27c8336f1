"""`flask queues` with real queues and a real database, or without one of the two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from redis import Redis

from jobs.job_queue.job_kinds import ENQUEUE_DUE, SUBMIT_BATCH
from store import senders, suspensions
from store.database import Database, system_scope
from tests.harness.churches import create_church
from tests.harness.private_postgres import private_postgres
from tests.harness.private_redis import PrivateRedis
from tests.integration.commands.conftest import Run
from tests.integration.commands.failed_jobs import (
    BUG,
    fail,
)
from tests.integration.jobs.conftest import expanded
from tests.integration.jobs.hostile_jobs import call, push
from tests.integration.jobs.scheduling import rows


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
