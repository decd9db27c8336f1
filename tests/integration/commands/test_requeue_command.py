"""`flask requeue`: which jobs it puts back, and what it records."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
from redis import Redis

from api.commands.support import requeue_outlooks
from jobs.job_queue.job_kinds import SUBMIT_BATCH
from jobs.worker.checked_job import CheckedJob
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.integration.commands.conftest import Run
from tests.integration.commands.failed_jobs import (
    BUG,
    DATABASE_AWAY,
    audited,
    fail,
    listed,
    queued,
)


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
