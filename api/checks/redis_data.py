"""Checks that Redis keeps what is written: values, their expiry, counts and the order of lists."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from api.checks.steps import describe
from channels.check_steps import CheckFailed

CONNECTIONS = 8
VALUES = 125
"""Values, and ids of jobs, that each connection writes."""
_MAX_VALUE_BYTES = 2048
_EXPIRES_AFTER_MS = 1000
_GONE_WITHIN_SECONDS = 3.0
_KEY_SECONDS = 60
"""After this, the keys of a check that was killed expire."""


class DataChecks:
    """Writes keys under a prefix of its own; delete_keys() removes them."""

    def __init__(self, redis: Redis, *, nonce: str) -> None:
        self._redis = redis
        self._prefix = f"koinonia:check:{nonce}:"
        self._written: set[str] = set()
        self._stopped = threading.Event()

    def delete_keys(self) -> None:
        """Remove every key that was written. What a Redis that does not answer keeps expires after a minute."""
        self._stopped.set()
        if self._written:
            with suppress(RedisError):
                self._redis.delete(*self._written)

    def connect(self) -> str:
        try:
            self._redis.connection_pool.release(self._redis.connection_pool.get_connection())
        except AuthenticationError as error:
            raise CheckFailed(f"the password or user is wrong ({describe(error)})") from error
        except RedisTimeoutError as error:
            raise CheckFailed(f"it does not answer ({describe(error)})") from error
        return "connected and logged in"

    def ping(self) -> str:
        began = time.perf_counter()
        self._redis.ping()
        return f"answered in {(time.perf_counter() - began) * 1000:.1f} ms"

    def set_and_get(self) -> str:
        key, value = self._key("value"), secrets.token_bytes(32)
        self._redis.set(key, value, ex=_KEY_SECONDS)
        if self._redis.get(key) != value:
            raise CheckFailed("another value came back", remedy="let REDIS_URL point to a primary, not to a replica")
        return "a value came back unchanged"

    def expire(self) -> str:
        key = self._key("expiry")
        self._redis.set(key, b"here", px=_EXPIRES_AFTER_MS)
        began = time.monotonic()
        if not self._redis.exists(key):
            raise CheckFailed("a value was gone at once")
        while self._redis.exists(key):
            if time.monotonic() - began > _GONE_WITHIN_SECONDS:
                raise CheckFailed(f"a value with a TTL of 1 s was still there after {_GONE_WITHIN_SECONDS:g} s")
            time.sleep(0.1)
        return f"a value with a TTL of 1 s was gone after {time.monotonic() - began:.1f} s"

    def keep_values_under_load(self) -> str:
        """Several connections write at once, all add to one counter, and each reads what another has written."""
        counter = self._key("counter")
        values = [self._random_values(writer) for writer in range(CONNECTIONS)]
        barrier = threading.Barrier(CONNECTIONS)

        def write(writer: int) -> None:
            barrier.wait(timeout=_KEY_SECONDS)
            self._write(values[writer], counter)

        def count_changed(reader: int) -> int:
            expected = values[(reader + 1) % CONNECTIONS]
            kept = cast(list[Any], self._redis.mget(list(expected)))
            return sum(one != other for one, other in zip(kept, expected.values(), strict=True))

        self._at_once(write)
        changed = sum(self._at_once(count_changed))
        written = CONNECTIONS * VALUES
        if changed:
            raise CheckFailed(f"{changed} of {written} values came back changed")
        if (count := int(cast(Any, self._redis.get(counter)) or 0)) != written:
            raise CheckFailed(f"{CONNECTIONS} connections added {written} to a counter, which is at {count}")
        return f"{written} random values of {CONNECTIONS} connections came back unchanged, and a counter lost nothing"

    def keep_order(self) -> str:
        """Push ids as the job queue does, from several connections at once, and pop them as a worker does.

        With several workers on a queue, jobs that were popped in order may start in another. What Redis promises, and
        what is checked here: every id is popped once, and those of one connection in the order in which it pushed them.
        """
        queue, taken = self._key("queue"), self._key("taken")
        barrier = threading.Barrier(CONNECTIONS)

        def push(producer: int) -> None:
            barrier.wait(timeout=_KEY_SECONDS)
            pipeline = self._redis.pipeline()
            for number in range(VALUES):
                pipeline.rpush(queue, f"{producer}-{number}")
            pipeline.expire(queue, _KEY_SECONDS)
            pipeline.execute()

        self._at_once(push)
        popped = self._pop_all(queue, taken)
        pushed = CONNECTIONS * VALUES
        if sorted(popped) != sorted(
            f"{producer}-{number}" for producer in range(CONNECTIONS) for number in range(VALUES)
        ):
            raise CheckFailed(
                f"{pushed} ids were pushed, and {len(set(popped))} different ones popped {len(popped)} times"
            )
        for producer in range(CONNECTIONS):
            own = [entry for entry in popped if entry.startswith(f"{producer}-")]
            if own != [f"{producer}-{number}" for number in range(VALUES)]:
                raise CheckFailed("ids of one connection were popped in another order than they were pushed")
        return f"{pushed} ids that {CONNECTIONS} connections pushed at once were popped once each, in order"

    def _pop_all(self, queue: str, taken: str) -> list[str]:
        """Pop in portions: one command each, as RQ's workers, but several in one round trip."""
        popped: list[str] = []
        while True:
            pipeline = self._redis.pipeline()
            for _ in range(VALUES):
                pipeline.lmove(queue, taken, "LEFT", "RIGHT")
            pipeline.expire(taken, _KEY_SECONDS)
            *entries, _ = pipeline.execute()
            popped += [entry.decode() for entry in entries if entry is not None]
            if None in entries or len(popped) > CONNECTIONS * VALUES:
                return popped

    def _write(self, values: dict[str, bytes], counter: str) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in values.items():
            pipeline.set(key, value, ex=_KEY_SECONDS)
            pipeline.incr(counter)
        pipeline.expire(counter, _KEY_SECONDS)
        _execute(pipeline)

    def _random_values(self, writer: int) -> dict[str, bytes]:
        return {
            self._key(f"{writer}-{number}"): secrets.token_bytes(1 + secrets.randbelow(_MAX_VALUE_BYTES))
            for number in range(VALUES)
        }

    def _at_once(self, work: Callable[[int], Any]) -> list[Any]:
        """Call `work` in a thread for each connection. Every thread ends, because every wait does."""

        def unless_stopped(number: int) -> Any:
            return None if self._stopped.is_set() else work(number)

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(pool.map(unless_stopped, range(CONNECTIONS)))

    def _key(self, name: str) -> str:
        """Return a key, and remember it for its deletion."""
        key = self._prefix + name
        self._written.add(key)
        return key


def _execute(pipeline: Pipeline) -> None:
    """Raises the first error. redis-py would add the command, with the value, to its message."""
    for reply in pipeline.execute(raise_on_error=False):
        if isinstance(reply, RedisError):
            raise reply
