"""Counts within a span of time: in Redis, for all processes together. Without Redis, each process counts its own."""

from __future__ import annotations

import hashlib
import threading
import time

from redis import Redis
from redis.exceptions import RedisError

_MAX_COUNTERS = 10_000


class Counters:
    """Named counters that begin again when their time is over."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._local = _LocalCounts()

    def count(self, counter: str, *, seconds: int) -> tuple[int, int]:
        """Add one. Return the count in the present span of this many seconds, and how many seconds of it are left."""
        if self._redis is None:
            return self._local.count(counter, seconds)
        try:
            return _count_in_redis(self._redis, counter, seconds)
        except RedisError:
            return self._local.count(counter, seconds)

    def reset(self, counter: str) -> None:
        """Set the counter to zero."""
        self._local.reset(counter)
        if self._redis is None:
            return
        try:
            self._redis.delete(_key(counter))
        except RedisError:
            return  # it ends with its span


class _LocalCounts:
    """The counts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: dict[str, tuple[float, int]] = {}
        """When each counter's span ends (monotonic seconds), and the count in it."""

    def count(self, counter: str, seconds: int) -> tuple[int, int]:
        now = time.monotonic()
        with self._lock:
            if len(self._spans) >= _MAX_COUNTERS:
                self._spans = {known: span for known, span in self._spans.items() if span[0] > now}
            ends_at, made = self._spans.get(counter, (0.0, 0))
            if ends_at <= now:
                ends_at, made = now + seconds, 0
            self._spans[counter] = (ends_at, made + 1)
        return made + 1, max(1, round(ends_at - now))

    def reset(self, counter: str) -> None:
        with self._lock:
            self._spans.pop(counter, None)


def _count_in_redis(redis: Redis, counter: str, seconds: int) -> tuple[int, int]:
    key = _key(counter)
    pipeline = redis.pipeline()
    pipeline.set(key, 0, ex=seconds, nx=True)
    pipeline.incr(key)
    pipeline.ttl(key)
    _, made, left_seconds = pipeline.execute()
    return int(made), max(1, int(left_seconds))


def _key(counter: str) -> str:
    return "koinonia:operator-attempts:" + hashlib.sha256(counter.encode()).hexdigest()[:32]
