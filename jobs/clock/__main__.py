"""The clock, `python -m jobs.clock`: enqueues the periodic jobs. One is enough; more do no harm."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import closing
from types import FrameType

from redis.exceptions import RedisError

import logs
from jobs.clock.job_retries import enqueue_due_retries
from jobs.clock.ticks import TICKS
from jobs.job_queue.job_queue import JobQueue
from jobs.job_queue.open_job_queue import open_job_queue
from jobs.job_queue.queues import enabled_queues
from jobs.job_queue.redis_connection import open_redis
from jobs.start_up import StartRefused, open_fit_database, refuse_evicting_redis, refuse_unsafe_settings
from settings import Settings, SettingsError, load_settings
from store.timeouts import COMMAND

log = logs.get_logger(__name__)

RECONNECT_SECONDS = 1.0


def run(settings: Settings, stop: threading.Event) -> None:
    """Enqueue periodic jobs until `stop` is set, across restarts of Redis and PostgreSQL. Raises StartRefused."""
    refuse_unsafe_settings(settings)
    open_fit_database(settings, size=1, name="clock", timeouts=COMMAND, stopping=stop).close()
    job_queue = open_job_queue(settings)
    log.info("clock started", ticks=[tick.kind.name for tick in TICKS])
    with closing(job_queue):
        if settings.enable_queues:
            _enqueue_by_schedule(settings, job_queue, stop)
        else:
            _run_in_loop(job_queue, stop)
    log.info("clock stopped")


def _enqueue_by_schedule(settings: Settings, job_queue: JobQueue, stop: threading.Event) -> None:
    from jobs.clock.tick_schedule import POLL_SECONDS, TickSchedule
    from jobs.worker.checked_job import refuse_pickle

    refuse_pickle()
    redis = open_redis(settings)
    schedule = TickSchedule(redis, job_queue)
    is_checked = False
    while not stop.is_set():
        try:
            if not is_checked:
                refuse_evicting_redis(redis)
                is_checked = True
            schedule.poll()
            enqueue_due_retries(redis, enabled_queues(settings))
            stop.wait(POLL_SECONDS)
        except RedisError as error:
            log.warning("waiting for Redis", error=type(error).__name__)
            is_checked = False  # another server may answer next
            stop.wait(RECONNECT_SECONDS)


def _run_in_loop(job_queue: JobQueue, stop: threading.Event) -> None:
    """Without Redis: run the periodic jobs here, one after the other."""
    due = dict.fromkeys(TICKS, 0.0)
    while not stop.is_set():
        for tick, at in due.items():
            if time.monotonic() >= at:
                job_queue.enqueue_tick(tick.kind)
                due[tick] = time.monotonic() + tick.every_seconds
        stop.wait(min(due.values()) - time.monotonic())


def main() -> None:
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(f"clock: {error}")
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        run(settings, stop)
    except StartRefused as error:
        sys.exit(f"clock: {error}")


if __name__ == "__main__":
    main()
