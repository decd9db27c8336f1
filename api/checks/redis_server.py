"""Checks what the Redis server reports about itself, from INFO, which hosted servers allow where they forbid CONFIG."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from channels.check_steps import CheckFailed, CheckWarning
from jobs.job_queue.eviction import read_eviction

OLDEST = (6, 2)
FULL, FILLING = 0.9, 0.75
"""Shares of a limit from which a check fails, and warns."""


class ServerChecks:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def evicts_nothing(self) -> str:
        eviction = read_eviction(self._redis)
        if eviction.policy is None:
            raise CheckWarning(
                "this server does not report its maxmemory-policy",
                remedy="ask its provider whether maxmemory-policy is noeviction",
            )
        if eviction.problem:
            raise CheckFailed(f"maxmemory-policy is {eviction.policy}, so Redis may delete jobs")
        if eviction.policy != "noeviction":
            raise CheckWarning(f"maxmemory-policy is {eviction.policy}; nothing is deleted only because maxmemory is 0")
        return "maxmemory-policy is noeviction"

    def persists(self) -> str:
        info = self._info("persistence")
        if info.get("aof_last_write_status", "ok") != "ok" or info.get("aof_last_bgrewrite_status", "ok") != "ok":
            raise CheckFailed("the last write of the append-only file failed", remedy="check the disk of the server")
        if info.get("aof_enabled"):
            return "append-only file"
        if info.get("rdb_last_bgsave_status", "ok") != "ok":
            raise CheckFailed("the last snapshot failed", remedy="check the disk of the server")
        raise CheckWarning(
            "no append-only file: a restart loses failed jobs, and other jobs until the clock enqueues them again"
        )

    def is_recent(self) -> str:
        info = self._info("server")
        version = str(info.get("redis_version", "0"))
        if _version(version) < OLDEST:
            raise CheckFailed(f"Redis {version}")
        return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}"

    def has_memory(self) -> str:
        info = self._info("memory")
        used, limit = int(info["used_memory"]), int(info.get("maxmemory") or 0)
        total = limit or int(info.get("total_system_memory") or 0)
        shown = f"{_megabytes(used)} used"
        if not total:
            return shown
        shown += f" of {_megabytes(total)} ({'maxmemory' if limit else 'the memory of its machine'})"
        return _within(used / total, shown)

    def accepts_clients(self) -> str:
        info = self._info("clients")
        connected, limit = int(info["connected_clients"]), int(info.get("maxclients") or 0)
        if not limit:
            return f"{connected} connected"
        return _within(connected / limit, f"{connected} of {limit} connected")

    def _info(self, section: str) -> dict[str, Any]:
        try:
            return self._redis.info(section)
        except ResponseError as error:
            raise CheckWarning("this server refuses INFO", remedy="look it up with its provider") from error


def _within(share: float, shown: str) -> str:
    """Return `shown` unless the share is too large. Raises CheckFailed or CheckWarning."""
    if share >= FULL:
        raise CheckFailed(shown)
    if share >= FILLING:
        raise CheckWarning(shown)
    return shown


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
