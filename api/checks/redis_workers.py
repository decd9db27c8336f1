"""Checks that a worker runs jobs of each queue, with one test job per queue, all at the same time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.results import Result
from rq.suspension import is_suspended

from channels.check_steps import CheckFailed
from jobs.job_queue.job_kinds import PING
from jobs.job_queue.redis_connection import rq_queue

WAIT_SECONDS = 15.0
"""For all queues together."""
_POLL_SECONDS = 0.05
_JOB_SECONDS = PING.keep_failed_seconds
"""After this, the jobs of a check that was killed expire."""


class WorkerChecks:
    """Enqueues a test job on each queue at the first check; delete_jobs() removes them."""

    def __init__(self, redis: Redis, names: Sequence[str]) -> None:
        self._redis = redis
        self._nonces = {name: secrets.token_hex(8) for name in names}
        self._jobs: dict[str, Job] = {}
        self._deadline = 0.0

    def check_of(self, name: str) -> Callable[[], str]:
        """Return the check of one queue."""
        return lambda: self._check(name)

    def delete_jobs(self) -> None:
        """Remove the test jobs. What a Redis that does not answer keeps expires after a minute."""
        if not self._deadline:
            return
        with suppress(RedisError):
            for job in self._jobs.values():
                with suppress(InvalidJobOperation, NoSuchJobError):
                    job.delete()
            for name, nonce in self._nonces.items():  # also a job whose enqueueing was interrupted
                self._redis.lrem(rq_queue(self._redis, name).key, 0, _job_id(nonce))
                self._redis.delete(Job.key_for(_job_id(nonce)), Result.get_key(_job_id(nonce)))

    def _check(self, name: str) -> str:
        if is_suspended(self._redis):
            raise CheckFailed("the workers are suspended", remedy="delete the key rq:suspended")
        if not self._deadline:
            self._enqueue_all()
        if not Worker.all_keys(connection=self._redis, queue=rq_queue(self._redis, name)):
            raise CheckFailed("no worker listens on this queue")
        result = self._await_result(self._jobs[name])
        if result is None:
            raise CheckFailed(
                f"a worker listens, but did not run the test job within {WAIT_SECONDS:g} s",
                remedy=f"it may be busy or stuck: repeat the check, or add one: python worker.py {name}",
            )
        if result.type is not Result.Type.SUCCESSFUL or result.return_value != self._nonces[name]:
            raise CheckFailed(
                "the worker could not run the test job", remedy="run the same release in the workers and here"
            )
        return "a worker ran the test job"

    def _enqueue_all(self) -> None:
        self._deadline = time.monotonic() + WAIT_SECONDS
        for name, nonce in self._nonces.items():
            self._jobs[name] = self._enqueue(name, nonce)

    def _enqueue(self, name: str, nonce: str) -> Job:
        """Enqueue the job at the front, so that the check does not wait for other jobs."""
        return rq_queue(self._redis, name).enqueue_call(
            PING.path,
            args=(nonce,),
            job_id=_job_id(nonce),
            description="ping",
            timeout=PING.timeout_seconds,
            result_ttl=_JOB_SECONDS,
            failure_ttl=_JOB_SECONDS,
            ttl=_JOB_SECONDS,
            at_front=True,
        )

    def _await_result(self, job: Job) -> Result | None:
        while True:
            result = job.latest_result()
            if result is not None or time.monotonic() >= self._deadline:
                return result
            time.sleep(_POLL_SECONDS)


def _job_id(nonce: str) -> str:
    return f"ping-{nonce}"
