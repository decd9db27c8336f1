"""One worker process for one queue: `python -m jobs.worker.run_worker sms`.

Jobs run in the worker's own process, one at a time, so that connections to the carrier and to PostgreSQL stay open
between them. If a job kills the process, nothing is lost, because its deliveries are leased; a supervisor starts the
process again.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import StopRequested

import logs
from jobs.job_queue.job_kinds import JOBS
from jobs.job_queue.open_job_queue import open_job_queue
from jobs.job_queue.queues import enabled_queues, housekeeping_queue, title
from jobs.job_queue.redis_connection import open_redis, rq_queue
from jobs.worker.checked_job import refuse_pickle
from jobs.worker.checked_worker import CheckedWorker
from jobs.worker.database_check import open_migrated_database
from jobs.worker.runtime import Runtime, use_runtime
from settings import Settings, SettingsError, load_settings
from store.errors import SchemaMismatch
from store.timeouts import HOUSEKEEPING, SENDING

log = logs.get_logger(__name__)

RECONNECT_SECONDS = 1.0


def run_worker(settings: Settings, name: str, *, burst: bool = False) -> None:
    """Serve the queue until a stop (at SIGTERM, after the current job), or, with `burst`, until it is empty.

    Raises SchemaMismatch, and SystemExit at a stop while no job runs.
    """
    refuse_pickle()
    for kind in JOBS:
        importlib.import_module(kind.path.rpartition(".")[0])
    timeouts = HOUSEKEEPING if name == housekeeping_queue(settings) else SENDING
    redis = open_redis(settings)
    _wait_for(redis)
    database = open_migrated_database(settings, size=3, name=f"worker {name}", timeouts=timeouts)
    runtime = Runtime(settings, database=database, job_queue=open_job_queue(settings))
    log.info(f"{title(name)} queue connected to Redis")
    try:
        with use_runtime(runtime), suppress(StopRequested):
            _work(redis, name, runtime, burst=burst)
    finally:
        runtime.close()
        redis.close()


def _work(redis: Redis, name: str, runtime: Runtime, *, burst: bool) -> None:
    """Run RQ's worker, and start another when it ends because Redis was lost at the end of a job.

    Raises SystemExit when a stop is requested and no job runs.
    """
    while not runtime.stopping.is_set():
        worker = CheckedWorker(redis, name, stopping=runtime.stopping, measurements=runtime.measurements)
        try:
            worker.work(burst=burst, with_scheduler=False)
        except _Stopped:  # while it was starting
            worker.teardown()
            raise
        except RedisError as error:
            if burst:
                raise
            log.warning("the connection to Redis was lost", error=type(error).__name__)
        if burst:
            runtime.wait_until_idle()  # recording results may enqueue more
            if rq_queue(redis, name).is_empty():
                return
            continue
        _handle_signals()
        if not runtime.stopping.is_set():
            time.sleep(RECONNECT_SECONDS)
            _wait_for(redis)


def _wait_for(redis: Redis) -> None:
    """Wait until Redis answers. If the process exited instead, the supervisor would double its pause each time."""
    while True:
        try:
            redis.ping()
        except RedisError as error:
            log.warning("waiting for Redis", error=type(error).__name__)
            time.sleep(RECONNECT_SECONDS)
        else:
            return


def _handle_signals() -> None:
    """Stop at SIGTERM and SIGINT, until the next RQ worker installs its own handlers.

    The handlers of an RQ worker that has ended must not stay: if it lost Redis during a job, it still counts as busy,
    and its handler would wait for the end of a job that no longer runs.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)


class _Stopped(SystemExit):
    """A signal asked for a stop while no RQ worker was serving. Logging would catch an Exception."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped


def main() -> None:
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(f"worker: {error}")
    parser = argparse.ArgumentParser(prog="python -m jobs.worker.run_worker", description="Serve one queue.")
    parser.add_argument("queue", choices=enabled_queues(settings))
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    queue = parser.parse_args().queue
    if not settings.enable_queues:
        sys.exit("worker: ENABLE_QUEUES is false: there are no queues to serve")
    _handle_signals()
    try:
        run_worker(settings, queue)
    except SchemaMismatch as error:
        sys.exit(f"worker: {error}")


if __name__ == "__main__":
    main()
