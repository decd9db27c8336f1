"""The steps of `flask check-redis`, from a connection to the workers of each queue."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from api.checks.redis_data import DataChecks
from api.checks.redis_server import ServerChecks
from api.checks.redis_workers import WorkerChecks
from api.checks.steps import Suite
from channels.check_steps import Step
from jobs.job_queue.eviction import REMEDY as EVICTION_REMEDY
from jobs.job_queue.queues import enabled_queues
from jobs.job_queue.redis_connection import open_redis
from settings import RedisSettings, mask_url

TIMEOUT_SECONDS = 5.0
"""How long one reply of Redis may take."""
_REACH = "check that Redis runs, that this machine can reach it, and that user and password in REDIS_URL are correct"
_WRITE = "check that the user in REDIS_URL may write, and that Redis has free memory"
_TRUST = "do not use this Redis: values came back changed or in another order"


@contextmanager
def redis_suite(settings: RedisSettings, *, without_workers: bool = False) -> Generator[Suite]:
    """The suite, and the removal of every key that it wrote, also when it is interrupted."""
    redis = open_redis(settings, timeout_seconds=TIMEOUT_SECONDS)
    names = () if without_workers else enabled_queues(settings)
    nonce = secrets.token_hex(8)
    data, workers = DataChecks(redis, nonce=nonce), WorkerChecks(redis, names)
    try:
        yield Suite(
            name="redis",
            target=mask_url(settings.redis_url or ""),
            steps=_steps(redis, data, workers, names),
            is_lost=lambda error: isinstance(error, (RedisConnectionError, RedisTimeoutError)),
            left_out="a job through each queue and back (--without-workers)" if without_workers else None,
        )
    finally:
        workers.delete_jobs()
        data.delete_keys()
        redis.close()


def _steps(redis: Redis, data: DataChecks, workers: WorkerChecks, names: tuple[str, ...]) -> list[Step]:
    server = ServerChecks(redis)
    return [
        Step(name="Connect", check=data.connect, remedy=_REACH, is_required=True),
        Step(name="PING", check=data.ping, remedy=_REACH, is_required=True),
        Step(name="SET and GET", check=data.set_and_get, remedy=_WRITE),
        Step(name="TTL", check=data.expire, remedy="check the clock of the Redis server"),
        Step(name="Integrity under load", check=data.keep_values_under_load, remedy=_TRUST),
        Step(name="FIFO order", check=data.keep_order, remedy=_TRUST),
        *(
            Step(name=f"Queue {name}", check=workers.check_of(name), remedy=f"start a worker: python worker.py {name}")
            for name in names
        ),
        Step(name="Eviction", check=server.evicts_nothing, remedy=EVICTION_REMEDY),
        Step(
            name="Persistence", check=server.persists, remedy="set appendonly yes, so that a restart keeps the queues"
        ),
        Step(name="Version", check=server.is_recent, remedy="use Redis 6.2 or newer, or Valkey"),
        Step(
            name="Memory", check=server.has_memory, remedy="raise maxmemory, or find what fills it: redis-cli --bigkeys"
        ),
        Step(
            name="Clients", check=server.accepts_clients, remedy="raise maxclients, or find who connects: CLIENT LIST"
        ),
    ]
