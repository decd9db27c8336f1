"""Checks that a worker runs jobs of each queue, with one test job per queue, all at the same time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.job import Job
from rq.results import Result

from api.commands.support.check_result import CheckResult, failed, passed
from jobs.job_queue.job_kinds import PING
from jobs.job_queue.redis_connection import rq_queue

WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.05
_LIFETIME_SECONDS = PING.keep_failed_seconds


def run(redis: Redis, names: tuple[str, ...]) -> Iterator[CheckResult]:
    """Yield one result for each queue, in the order of `names`, within WAIT_SECONDS for all of them."""
    deadline = time.monotonic() + WAIT_SECONDS
    nonces = {name: secrets.token_hex(8) for name in names}
    jobs: dict[str, Job] = {}
    try:
        for name, nonce in nonces.items():
            jobs[name] = _enqueue(redis, name, nonce)
        for name, job in jobs.items():
            yield _check_result(redis, name, _wait(job, deadline), nonces[name])
    except RedisError as error:
        yield failed("Queues", f"{type(error).__name__}: {error}", remedy="check that Redis stays up")
    finally:
        _delete(jobs)


def _enqueue(redis: Redis, name: str, nonce: str) -> Job:
    """Enqueue the job at the front, so that the check does not wait for other jobs."""
    return rq_queue(redis, name).enqueue_call(
        PING.path,
        args=(nonce,),
        job_id=f"ping-{nonce}",
        description="ping",
        timeout=PING.timeout_seconds,
        result_ttl=_LIFETIME_SECONDS,
        failure_ttl=_LIFETIME_SECONDS,
        ttl=_LIFETIME_SECONDS,
        at_front=True,
    )


def _wait(job: Job, deadline: float) -> Result | None:
    while True:
        result = job.latest_result()
        if result is not None or time.monotonic() >= deadline:
            return result
        time.sleep(_POLL_SECONDS)


def _check_result(redis: Redis, name: str, result: Result | None, nonce: str) -> CheckResult:
    step = f"Queue {name}"
    if result is not None and result.type is Result.Type.SUCCESSFUL and result.return_value == nonce:
        return passed(step, "a worker ran the test job")
    if result is not None:
        return failed(
            step, "the worker could not run the test job", remedy="run the same release in the workers and here"
        )
    if not Worker.all_keys(connection=redis, queue=rq_queue(redis, name)):
        return failed(step, "no worker is listening", remedy=f"start one: python worker.py {name}")
    return failed(
        step,
        f"a worker exists, but did not run the test job within {WAIT_SECONDS:g} s",
        remedy=f"it may be busy with a large send: try again, or add one: python worker.py {name}",
    )


def _delete(jobs: dict[str, Job]) -> None:
    for job in jobs.values():
        try:
            job.delete()
        except RedisError:
            return  # they expire
