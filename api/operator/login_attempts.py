"""Limits how often a password may be tried. An attempt is counted before the password is compared.

The limit is 10 a minute from one address, and 30 a minute from all addresses together, so that an attacker with many
addresses, or with invented ones in X-Forwarded-For, cannot guess faster. A browser in which the operator has logged in
before has 10 attempts of its own, which nobody else can use up.
"""

from __future__ import annotations

import hashlib
import ipaddress
import threading
import time

from redis import Redis
from redis.exceptions import RedisError

ATTEMPTS_A_MINUTE = 10
ATTEMPTS_A_MINUTE_OVERALL = 30
_WINDOW_SECONDS = 60
_MAX_COUNTERS = 10_000
_IPV6_NETWORK_BITS = 64
"""A provider gives each customer at least one network of this size (RFC 6177), so its addresses count together."""
_OVERALL = "overall"


class LoginAttempts:
    """Counts attempts in Redis, for all processes together. Without Redis, each process counts its own."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._local = _LocalCounts()

    def wait_seconds(self, address: str, *, known_browser: str | None = None) -> int:
        """Count one attempt. Returns 0 if it is allowed, otherwise the number of seconds until the next one is."""
        made, left_seconds = self._count(_counter(address, known_browser))
        if made > ATTEMPTS_A_MINUTE:
            return left_seconds
        if known_browser is not None:
            return 0
        # Counted last, so that attempts refused for their address do not use up the limit that all addresses share.
        made, left_seconds = self._count(_OVERALL)
        return left_seconds if made > ATTEMPTS_A_MINUTE_OVERALL else 0

    def forget(self, address: str, *, known_browser: str | None = None) -> None:
        """Reset the count after a successful login."""
        counter = _counter(address, known_browser)
        self._local.forget(counter)
        if self._redis is None:
            return
        try:
            self._redis.delete(_key(counter))
        except RedisError:
            return  # the count expires within a minute

    def _count(self, counter: str) -> tuple[int, int]:
        """Return how many attempts this counter has in the current minute, and how many seconds of it are left."""
        if self._redis is None:
            return self._local.count(counter)
        try:
            return self._count_in_redis(self._redis, counter)
        except RedisError:
            return self._local.count(counter)

    @staticmethod
    def _count_in_redis(redis: Redis, counter: str) -> tuple[int, int]:
        key = _key(counter)
        pipeline = redis.pipeline()
        pipeline.set(key, 0, ex=_WINDOW_SECONDS, nx=True)
        pipeline.incr(key)
        pipeline.ttl(key)
        _, made, left_seconds = pipeline.execute()
        return int(made), max(1, int(left_seconds))


class _LocalCounts:
    """The counts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}
        """When each counter's minute ends (monotonic seconds), and the attempts counted in it."""

    def count(self, counter: str) -> tuple[int, int]:
        now = time.monotonic()
        with self._lock:
            if len(self._windows) >= _MAX_COUNTERS:
                self._windows = {known: window for known, window in self._windows.items() if window[0] > now}
            ends_at, made = self._windows.get(counter, (0.0, 0))
            if ends_at <= now:
                ends_at, made = now + _WINDOW_SECONDS, 0
            self._windows[counter] = (ends_at, made + 1)
        return made + 1, max(1, round(ends_at - now))

    def forget(self, counter: str) -> None:
        with self._lock:
            self._windows.pop(counter, None)


def _counter(address: str, known_browser: str | None) -> str:
    return f"address {_network(address)}" if known_browser is None else f"browser {known_browser}"


def _network(address: str) -> str:
    """Return the address; for IPv6 its network, because one client may use every address in it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_NETWORK_BITS), strict=False))


def _key(counter: str) -> str:
    return "koinonia:operator-attempts:" + hashlib.sha256(counter.encode()).hexdigest()[:32]
