"""One worker process for one queue: `python -m jobs.worker sms`.

Jobs run inside the worker's own process, one at a time: connections to the carrier and to PostgreSQL stay warm
between them. A job that kills the process loses nothing, for its deliveries are under a lease; a supervisor starts
the process again.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from rq import SimpleWorker
from rq.serializers import JSONSerializer

import logs
from jobs.doorbell import open_doorbell
from jobs.queues import JOBS, enabled_queues, open_redis, queue
from jobs.runtime import Runtime, working_with
from jobs.ticks import TICKS
from settings import Settings, SettingsError, load_settings
from store.database import open_database

log = logs.get_logger(__name__)

WORKER_TTL_SECONDS = 30
"""How soon a worker that was killed is taken off the list of workers."""


def run_worker(settings: Settings, name: str, *, burst: bool = False) -> None:
    """Serve the queue until told to stop (SIGTERM: after the job at hand), or, with `burst`, until it is empty."""
    for kind in (*JOBS, *(tick.kind for tick in TICKS)):
        importlib.import_module(kind.path.rpartition(".")[0])
    redis = open_redis(settings)
    database = open_database(settings.database_url, size=2, name=f"worker {name}")
    runtime = Runtime(settings, database=database, doorbell=open_doorbell(settings))
    worker = SimpleWorker(
        [queue(redis, name)],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_SECONDS,
        maintenance_interval=10,
        log_job_description=False,
    )
    redis.ping()
    log.info(f"{name} connected to Redis")
    try:
        with working_with(runtime):
            worker.work(burst=burst, with_scheduler=False)
    finally:
        runtime.close()


def main() -> None:
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(f"worker: {error}")
    parser = argparse.ArgumentParser(prog="python -m jobs.worker", description="Serve one queue.")
    parser.add_argument("queue", choices=enabled_queues(settings))
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    run_worker(settings, parser.parse_args().queue)


if __name__ == "__main__":
    main()
