"""The samples that come from Redis: the queues, the clock's ticks, and Redis itself."""

from __future__ import annotations

from api.metrics.samples import Samples
from jobs.clock.ticks import TICKS
from jobs.job_queue.queue_readings import RedisReading
from metrics.definitions import (
    CLOCK_INTERVAL,
    CLOCK_LAST_TICK,
    QUEUE_FAILED_JOBS,
    QUEUE_JOBS,
    QUEUE_OLDEST_JOB,
    QUEUE_WORKERS,
    REDIS_CLIENTS,
    REDIS_CLIENTS_MAX,
    REDIS_EVICTED,
    REDIS_LAST_SAVE,
    REDIS_MEMORY,
    REDIS_MEMORY_MAX,
)

_INFO = {
    REDIS_MEMORY: "used_memory",
    REDIS_MEMORY_MAX: "maxmemory",
    REDIS_CLIENTS: "connected_clients",
    REDIS_CLIENTS_MAX: "maxclients",
    REDIS_EVICTED: "evicted_keys",
    REDIS_LAST_SAVE: "rdb_last_save_time",
}
"""The fields of INFO. Hosted servers may leave some out."""


def add(samples: Samples, reading: RedisReading) -> None:
    """Add what was read of Redis."""
    for queue in reading.queues:
        samples.set(QUEUE_JOBS, queue.jobs, queue.name)
        samples.set(QUEUE_OLDEST_JOB, queue.oldest_job_seconds, queue.name)
        samples.set(QUEUE_WORKERS, queue.workers, queue.name)
        samples.set(QUEUE_FAILED_JOBS, queue.failed_jobs, queue.name)
    for tick in TICKS:
        samples.set(CLOCK_INTERVAL, tick.every_seconds, tick.kind.name)
        next_at = reading.next_ticks.get(tick.kind.name)
        samples.set(CLOCK_LAST_TICK, None if next_at is None else next_at - tick.every_seconds, tick.kind.name)
    for metric, field in _INFO.items():
        value = reading.info.get(field)
        samples.set(metric, value if isinstance(value, (int, float)) else None)
