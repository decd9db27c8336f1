"""Checks Redis itself: it responds, stores values and returns them unchanged, expires them, and evicts nothing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from api.commands.support.check_result import CheckResult, CheckStatus, failed, passed

_VALUES = 1000
_MAX_VALUE_BYTES = 2048
_LIFETIME_MS = 1000
_KEY_LIFETIME_SECONDS = 60
"""After this, the keys of a check that was killed expire."""
_REACH_REMEDY = "check that Redis runs, that this machine can reach it, and that the password in REDIS_URL is correct"
_WRITE_REMEDY = "check that the user in REDIS_URL may write, and that Redis has free memory"

Check = Callable[[Redis, str], CheckResult]


def run(redis: Redis) -> Iterator[CheckResult]:
    """Yield the result of each check. Stop after a failed PING."""
    prefix = f"koinonia:check:{secrets.token_hex(8)}:"
    try:
        for check, remedy in _CHECKS:
            result = _run_check(check, redis, prefix, remedy)
            yield result
            if check is _ping and result.status is CheckStatus.FAILED:
                return
    finally:
        _delete_keys(redis, prefix)


def _run_check(check: Check, redis: Redis, prefix: str, remedy: str) -> CheckResult:
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
    redis.set(key, value, ex=_KEY_LIFETIME_SECONDS)
    if redis.get(key) != value:
        return failed(
            "SET and GET", "another value came back", remedy="let REDIS_URL point to a primary server, not to a replica"
        )
    return passed("SET and GET", "the value came back")


def _expiry(redis: Redis, prefix: str) -> CheckResult:
    key = prefix + "expiry"
    redis.set(key, b"here", px=_LIFETIME_MS)
    was_there = redis.exists(key)
    time.sleep(_LIFETIME_MS / 1000 + 0.2)
    if not was_there or redis.exists(key):
        return failed("Expiry", "a value did not expire after one second", remedy="check the clock of the Redis server")
    return passed("Expiry", "a value expired after one second")


def _integrity(redis: Redis, prefix: str) -> CheckResult:
    values = {
        f"{prefix}{number}": secrets.token_bytes(1 + secrets.randbelow(_MAX_VALUE_BYTES)) for number in range(_VALUES)
    }
    pipeline = redis.pipeline(transaction=False)
    for key, value in values.items():
        pipeline.set(key, value, ex=_KEY_LIFETIME_SECONDS)
    for reply in pipeline.execute(raise_on_error=False):
        if isinstance(reply, RedisError):  # raised here because redis-py would add the command, with the value
            raise reply
    kept = redis.mget(list(values))
    changed = sum(one != other for one, other in zip(kept, values.values(), strict=True))
    if changed:
        return failed(
            "Integrity", f"{changed} of {_VALUES} values came back changed", remedy="do not use this Redis server"
        )
    return passed("Integrity", f"{_VALUES} random values came back unchanged")


def _eviction(redis: Redis, _prefix: str) -> CheckResult:
    policy = _eviction_policy(redis)
    if policy is None:
        return CheckResult(
            name="Eviction",
            status=CheckStatus.UNKNOWN,
            finding="this server does not report its maxmemory-policy",
            remedy="ask its provider whether maxmemory-policy is noeviction",
        )
    if policy != "noeviction":
        return failed(
            "Eviction",
            f"maxmemory-policy is {policy}, so Redis may delete jobs",
            remedy="set maxmemory-policy to noeviction",
        )
    return passed("Eviction", "maxmemory-policy is noeviction")


def _eviction_policy(redis: Redis) -> str | None:
    """Return the policy from CONFIG, or from INFO, because hosted servers often forbid CONFIG."""
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


def _delete_keys(redis: Redis, prefix: str) -> None:
    keys = [f"{prefix}{name}" for name in ("value", "expiry", *range(_VALUES))]
    try:
        redis.delete(*keys)
    except RedisError:
        return  # they expire


_NAMES: dict[Check, str] = {
    _ping: "PING",
    _set_get: "SET and GET",
    _expiry: "Expiry",
    _integrity: "Integrity",
    _eviction: "Eviction",
}
_CHECKS: tuple[tuple[Check, str], ...] = (
    (_ping, _REACH_REMEDY),
    (_set_get, _WRITE_REMEDY),
    (_expiry, _WRITE_REMEDY),
    (_integrity, _WRITE_REMEDY),
    (_eviction, _REACH_REMEDY),
)
