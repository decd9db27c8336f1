"""Whether Redis may evict keys. A job whose key was evicted is lost without an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError

REMEDY = "set maxmemory-policy to noeviction (redis.conf, CONFIG SET, or the settings of its provider)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Eviction:
    """What the server reports. None: it reports nothing, as some hosted servers do."""

    policy: str | None
    maxmemory: int | None
    """The limit in bytes at which the policy applies. 0: no limit."""

    @property
    def problem(self) -> str | None:
        """Why the server may lose jobs, and the remedy; None if it evicts nothing, or does not say so."""
        if self.policy in (None, "noeviction") or self.maxmemory == 0:
            return None
        return f"Redis may evict jobs, because its maxmemory-policy is {self.policy}: {REMEDY}."


def read_eviction(redis: Redis) -> Eviction:
    """Ask the server. Raises redis.exceptions.RedisError.

    INFO comes first, because hosted servers often forbid CONFIG (https://redis.io/docs/latest/commands/info/).
    """
    try:
        memory = redis.info("memory")
    except ResponseError:
        memory = {}
    if "maxmemory_policy" not in memory:
        memory = _configured(redis)
    limit = memory.get("maxmemory")
    return Eviction(policy=memory.get("maxmemory_policy"), maxmemory=None if limit is None else int(limit))


def _configured(redis: Redis) -> dict[str, Any]:
    try:
        values = cast(dict[str, Any], redis.config_get("maxmemory*"))
    except ResponseError:
        return {}
    return {name.replace("-", "_"): value for name, value in values.items()}
