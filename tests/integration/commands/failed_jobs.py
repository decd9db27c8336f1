"""Failed jobs and refused senders, for the tests of the commands about queues."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from redis import Redis
from rq.job import JobStatus
from rq.results import Result

from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.redis_connection import rq_queue
from jobs.worker.checked_job import CheckedJob, CheckedQueue
from store import audit, senders
from store.database import Database, system_scope
from tests.integration.commands.conftest import Run

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
