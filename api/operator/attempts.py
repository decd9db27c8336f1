"""How often a password may be tried: ten times a minute for each address, counted before it is looked at."""

from __future__ import annotations

import hashlib
import threading
import time

from redis import Redis
from redis.exceptions import RedisError

ATTEMPTS_A_MINUTE = 10
_WINDOW_SECONDS = 60
_ADDRESSES_REMEMBERED = 10_000


class Attempts:
    """Counts in Redis, for all processes together; while Redis is away or switched off, in this process alone."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._local = _LocalCounts()

    def wait_seconds(self, address: str) -> int:
        """Count one attempt from the address. 0: it may be made; else after how many seconds the next may."""
        made, left_seconds = self._count(address)
        return left_seconds if made > ATTEMPTS_A_MINUTE else 0

    def forget(self, address: str) -> None:
        """The address knew the password: it starts anew."""
        self._local.forget(address)
        if self._redis is None:
            return
        try:
            self._redis.delete(_key(address))
        except RedisError:
            return  # the count ends by itself within a minute

    def _count(self, address: str) -> tuple[int, int]:
        if self._redis is None:
            return self._local.count(address)
        try:
            return self._count_together(self._redis, address)
        except RedisError:
            return self._local.count(address)

    @staticmethod
    def _count_together(redis: Redis, address: str) -> tuple[int, int]:
        pipeline = redis.pipeline()
        pipeline.set(_key(address), 0, ex=_WINDOW_SECONDS, nx=True)
        pipeline.incr(_key(address))
        pipeline.ttl(_key(address))
        _, made, left_seconds = pipeline.execute()
        return int(made), max(1, int(left_seconds))


class _LocalCounts:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}
        """When each address's minute ends (monotonic seconds), and its attempts in it."""

    def count(self, address: str) -> tuple[int, int]:
        now = time.monotonic()
        with self._lock:
            if len(self._windows) >= _ADDRESSES_REMEMBERED:
                self._windows = {known: window for known, window in self._windows.items() if window[0] > now}
            ends_at, made = self._windows.get(address, (0.0, 0))
            if ends_at <= now:
                ends_at, made = now + _WINDOW_SECONDS, 0
            self._windows[address] = (ends_at, made + 1)
        return made + 1, max(1, round(ends_at - now))

    def forget(self, address: str) -> None:
        with self._lock:
            self._windows.pop(address, None)


def _key(address: str) -> str:
    return "koinonia:operator-attempts:" + hashlib.sha256(address.encode()).hexdigest()[:32]
