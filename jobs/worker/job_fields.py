"""The fields of a job as RQ keeps them in Redis, read so that no content of theirs can raise or be executed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from rq.job import JobStatus

FORBIDDEN: Mapping[str, str] = {
    "success_callback_name": "a callback",
    "failure_callback_name": "a callback",
    "stopped_callback_name": "a callback",
    "webhooks": "webhooks",
    "dependency_id": "dependencies",
    "dependency_ids": "dependencies",
    "group_id": "a group",
    "repeats_left": "repetitions",
    "repeat_intervals": "repetitions",
    "rate_limit_key": "a rate limit",
    "rate_limit_concurrency": "a rate limit",
    "result": "a result",
    "meta": "metadata",
}
"""What RQ would act upon and none of our jobs has, and how to name it."""

_LONGEST_TEXT = 2_000
_LARGEST_UNPACKED = 100_000
_LARGEST_NUMBER = 10**9


def readable(raw: Mapping[Any, Any]) -> tuple[dict[str, bytes], str | None]:
    """The fields that RQ may read, each known to be sound; and what is wrong with the others, if anything is."""
    complaints: list[str] = []
    fields: dict[str, bytes] = {}
    for key, value in raw.items():
        name = bytes(key).decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        content = value if isinstance(value, bytes) else str(value).encode()
        if name in FORBIDDEN:
            if content:
                complaints.append(f"it carries {FORBIDDEN[name]}, which none of our jobs has")
        elif (read := _READERS.get(name)) and content:
            try:
                fields[name] = read(content)
            except (ValueError, OverflowError, zlib.error):
                complaints.append(f"its field {name} cannot be read")
    if "data" not in fields:
        complaints.append("it names no function")
        fields["data"] = b""
    return fields, complaints[0] if complaints else None


def read_meta(content: bytes | None) -> dict[str, Any]:
    """To be shown only. What is no JSON object reads as nothing."""
    try:
        meta = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], meta) if isinstance(meta, dict) else {}


def _text(content: bytes) -> bytes:
    return content.decode("utf-8", "replace")[:_LONGEST_TEXT].encode()


def _moment(content: bytes) -> bytes:
    """As rq.utils.utcformat writes it."""
    datetime.strptime(content.decode("ascii"), "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - only whether it is one
    return content


def _number(content: bytes) -> bytes:
    if not -1 <= int(content[:20]) <= _LARGEST_NUMBER:
        raise ValueError
    return content


def _status(content: bytes) -> bytes:
    return JobStatus(content.decode()).value.encode()


def _packed(content: bytes) -> bytes:
    """Compressed by RQ, and not larger than a call or a traceback of ours can be."""
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(content, _LARGEST_UNPACKED)
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise ValueError
    return zlib.compress(unpacked)


_READERS: Mapping[str, Callable[[bytes], bytes]] = {
    "data": _packed,
    "exc_info": _packed,
    **dict.fromkeys(("origin", "description", "worker_name"), _text),
    **dict.fromkeys(("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"), _moment),
    **dict.fromkeys(("timeout", "result_ttl", "failure_ttl", "ttl", "retries_left", "number_of_retries"), _number),
    **dict.fromkeys(("enqueue_at_front", "enqueue_at_front_on_retry"), _number),
    "status": _status,
}
"""What is not named here RQ is not shown."""
