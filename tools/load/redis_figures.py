"""Figures of Redis during a load: the depth of the queues, memory, clients, evictions."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from jobs.job_queue.redis_connection import open_redis_at

_EVERY_SECONDS = 0.5
_QUEUES = "rq:queues"


@dataclass(frozen=True, kw_only=True)
class RedisFigures:
    """The highest values that were seen, and the server's own limits; 0 for no limit."""

    queue_depth: int
    """Jobs that wait on all queues together."""
    memory_bytes: int
    memory_limit_bytes: int
    clients: int
    client_limit: int
    evictions: int
    """Keys that Redis evicted meanwhile."""


class RedisReader:
    """Reads the figures in a thread until the end of the `with` block; then `figures()` has them."""

    def __init__(self, url: str) -> None:
        self._redis = open_redis_at(url, timeout_seconds=5.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read_all, name="Redis figures", daemon=True)
        self._readings: list[RedisFigures] = []

    def __enter__(self) -> RedisReader:
        """Raises redis.exceptions.RedisError if Redis cannot be read."""
        self._readings.append(_read(self._redis))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._redis.close()

    def figures(self) -> RedisFigures:
        first, last = self._readings[0], self._readings[-1]
        return RedisFigures(
            queue_depth=max(reading.queue_depth for reading in self._readings),
            memory_bytes=max(reading.memory_bytes for reading in self._readings),
            memory_limit_bytes=last.memory_limit_bytes,
            clients=max(reading.clients for reading in self._readings),
            client_limit=last.client_limit,
            evictions=last.evictions - first.evictions,
        )

    def _read_all(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                self._readings.append(_read(self._redis))
            except RedisError:
                continue  # it may be restarting; the figures of the other moments count


def _read(redis: Redis) -> RedisFigures:
    info = redis.info()
    queues = cast("set[bytes]", redis.smembers(_QUEUES))
    return RedisFigures(
        queue_depth=sum(redis.llen(queue.decode()) for queue in queues),
        memory_bytes=info["used_memory"],
        memory_limit_bytes=info.get("maxmemory", 0),
        clients=info["connected_clients"],
        client_limit=info.get("maxclients", 0),
        evictions=info.get("evicted_keys", 0),
    )
