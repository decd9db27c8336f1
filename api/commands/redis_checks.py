"""Checks Redis itself: it answers, stores values, expires them, returns them unchanged and evicts nothing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from api.commands.check_result import CheckResult, CheckStatus, failed, passed

_VALUES = 1000
_LONGEST_VALUE_BYTES = 2048
_LIFETIME_MS = 1000
_CLEARED_AFTER_SECONDS = 60
"""When the keys of a killed check expire."""
_REACH = "check that Redis runs, that this machine may reach it, and the password in REDIS_URL"
_WRITE = "check that the user in REDIS_URL may write, and that Redis has memory left"

Check = Callable[[Redis, str], CheckResult]


def run(redis: Redis) -> Iterator[CheckResult]:
    """Yields the result of each check. Stops after a failed PING."""
    prefix = f"koinonia:check:{secrets.token_hex(8)}:"
    try:
        for check, remedy in _CHECKS:
            result = _guarded(check, redis, prefix, remedy)
            yield result
            if check is _ping and result.status is CheckStatus.FAILED:
                return
    finally:
        _clear(redis, prefix)


def _guarded(check: Check, redis: Redis, prefix: str, remedy: str) -> CheckResult:
    try:
        return check(redis, prefix)
    except RedisError as error:
        return failed(_NAMES[check], f"{type(error).__name__}: {error}", remedy=remedy)


def _ping(redis: Redis, _prefix: str) -> CheckResult:
    began = time.perf_counter()
    redis.ping()
    return passed("PING", f"answered in {(time.perf_counter() - began) * 1000:.1f} ms")


def _set_get(redis: Redis, prefix: str) -> CheckResult:
    key, value = prefix + "value", secrets.token_bytes(32)
    redis.set(key, value, ex=_CLEARED_AFTER_SECONDS)
    if redis.get(key) != value:
        return failed(
            "SET and GET", "another value came back", remedy="REDIS_URL must lead to one primary, not a replica"
        )
    return passed("SET and GET", "the value came back")


def _expiry(redis: Redis, prefix: str) -> CheckResult:
    key = prefix + "expiry"
    redis.set(key, b"here", px=_LIFETIME_MS)
    was_there = redis.exists(key)
    time.sleep(_LIFETIME_MS / 1000 + 0.2)
    if not was_there or redis.exists(key):
        return failed("Expiry", "a value did not expire after its second", remedy="check the clock of the Redis server")
    return passed("Expiry", "a value was gone after its second")


def _integrity(redis: Redis, prefix: str) -> CheckResult:
    values = {
        f"{prefix}{number}": secrets.token_bytes(1 + secrets.randbelow(_LONGEST_VALUE_BYTES))
        for number in range(_VALUES)
    }
    pipeline = redis.pipeline(transaction=False)
    for key, value in values.items():
        pipeline.set(key, value, ex=_CLEARED_AFTER_SECONDS)
    for answer in pipeline.execute(raise_on_error=False):
        if isinstance(answer, RedisError):  # raised here, it does not contain the value
            raise answer
    kept = redis.mget(list(values))
    wrong = sum(one != other for one, other in zip(kept, values.values(), strict=True))
    if wrong:
        return failed(
            "Integrity", f"{wrong} of {_VALUES} values came back changed", remedy="do not use this Redis server"
        )
    return passed("Integrity", f"{_VALUES} random values came back unchanged")


def _eviction(redis: Redis, _prefix: str) -> CheckResult:
    policy = _eviction_policy(redis)
    if policy is None:
        return CheckResult(
            name="Eviction",
            status=CheckStatus.UNKNOWN,
            finding="this server does not report its maxmemory-policy",
            remedy="ask its provider whether it is noeviction",
        )
    if policy != "noeviction":
        return failed(
            "Eviction",
            f"maxmemory-policy is {policy}, so Redis may delete jobs",
            remedy="set maxmemory-policy to noeviction",
        )
    return passed("Eviction", "maxmemory-policy is noeviction")


def _eviction_policy(redis: Redis) -> str | None:
    """Reads it from CONFIG, or from INFO, because hosted servers often forbid CONFIG."""
    try:
        policies = cast(dict[str, Any], redis.config_get("maxmemory-policy"))
    except ResponseError:
        policies = {}
    if "maxmemory-policy" in policies:
        return policies["maxmemory-policy"]
    try:
        return redis.info("memory").get("maxmemory_policy")
    except ResponseError:
        return None


def _clear(redis: Redis, prefix: str) -> None:
    keys = [f"{prefix}{name}" for name in ("value", "expiry", *range(_VALUES))]
    try:
        redis.delete(*keys)
    except RedisError:
        return  # all of them expire


_NAMES: dict[Check, str] = {
    _ping: "PING",
    _set_get: "SET and GET",
    _expiry: "Expiry",
    _integrity: "Integrity",
    _eviction: "Eviction",
}
_CHECKS: tuple[tuple[Check, str], ...] = (
    (_ping, _REACH),
    (_set_get, _WRITE),
    (_expiry, _WRITE),
    (_integrity, _WRITE),
    (_eviction, _REACH),
)
