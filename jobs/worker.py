"""One worker process for one queue: `python -m jobs.worker sms`.

Jobs run inside the worker's own process, one at a time: connections to the carrier and to PostgreSQL stay warm
between them. A job that kills the process loses nothing, for its deliveries are under a lease; a supervisor starts
the process again.
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
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer

import logs
from jobs.database_check import open_migrated_database
from jobs.doorbells import open_doorbell
from jobs.queues import JOBS, enabled_queues, housekeeping_queue, open_redis, queue
from jobs.runtime import Runtime, working_with
from settings import Settings, SettingsError, load_settings
from store.errors import SchemaMismatch
from store.limits import HOUSEKEEPING, SENDING

log = logs.get_logger(__name__)

WORKER_TTL_SECONDS = 30
"""How soon a worker that was killed is taken off the list of workers."""


RECONNECT_SECONDS = 1.0


class Worker(SimpleWorker):
    """RQ's worker, which tells the job at hand when the process is to end, and comes back soon after Redis does."""

    max_connection_wait_time = 2.0

    def __init__(self, redis: Redis, name: str, runtime: Runtime) -> None:
        super().__init__(
            [queue(redis, name)],
            connection=redis,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=10,
            log_job_description=False,
        )
        self._runtime = runtime

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._runtime.stopping.set()
        super().request_stop(signum, frame)

    def set_shutdown_requested_date(self) -> None:
        """For those who look on. It happens in the middle of a job, which must not break because Redis is away."""
        with suppress(RedisError):
            super().set_shutdown_requested_date()

    def teardown(self) -> None:
        """Without Redis there is nobody to say goodbye to; the thread that listens to it ends all the same."""
        with suppress(RedisError):
            super().teardown()
        if self.pubsub_thread:
            self.pubsub_thread.stop()


def run_worker(settings: Settings, name: str, *, burst: bool = False) -> None:
    """Serve the queue until told to stop (SIGTERM: after the job at hand), or, with `burst`, until it is empty.

    Raises SchemaMismatch.
    """
    for kind in JOBS:
        importlib.import_module(kind.path.rpartition(".")[0])
    limits = HOUSEKEEPING if name == housekeeping_queue(settings) else SENDING
    redis = open_redis(settings)
    _wait_for(redis)
    database = open_migrated_database(settings, size=3, name=f"worker {name}", limits=limits)
    runtime = Runtime(settings, database=database, doorbell=open_doorbell(settings))
    log.info(f"{name} connected to Redis")
    try:
        with working_with(runtime), suppress(StopRequested):
            _work(redis, name, runtime, burst=burst)
    finally:
        runtime.close()
        redis.close()


def _work(redis: Redis, name: str, runtime: Runtime, *, burst: bool) -> None:
    """RQ's worker ends when Redis is lost at the end of a job: then another takes over.

    Raises StopRequested when told to stop in between.
    """
    while not runtime.stopping.is_set():
        worker = Worker(redis, name, runtime)
        try:
            worker.work(burst=burst, with_scheduler=False)
        except StopRequested:  # while it was taking up its work
            worker.teardown()
            raise
        except RedisError as error:
            if burst:
                raise
            log.warning("the worker lost Redis", error=type(error).__name__)
        if burst:
            runtime.settle()  # what lands may ring again
            if queue(redis, name).is_empty():
                return
            continue
        runtime.stopping.wait(RECONNECT_SECONDS)
        if not runtime.stopping.is_set():
            _wait_for(redis)


def _wait_for(redis: Redis) -> None:
    """Better to wait here than to end and be started again, each time later."""
    while True:
        try:
            redis.ping()
        except RedisError as error:
            log.warning("waiting for Redis", error=type(error).__name__)
            time.sleep(RECONNECT_SECONDS)
        else:
            return


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested


def main() -> None:
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(f"worker: {error}")
    parser = argparse.ArgumentParser(prog="python -m jobs.worker", description="Serve one queue.")
    parser.add_argument("queue", choices=enabled_queues(settings))
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    signal.signal(signal.SIGTERM, _stop)  # until RQ's worker takes over
    signal.signal(signal.SIGINT, _stop)
    try:
        run_worker(settings, parser.parse_args().queue)
    except SchemaMismatch as error:
        sys.exit(f"worker: {error}")
    except StopRequested:
        pass


if __name__ == "__main__":
    main()
