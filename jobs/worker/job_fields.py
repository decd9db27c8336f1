"""Reads the fields of a job that RQ stores in Redis. No content of a field makes it raise or is executed."""

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
"""Fields that RQ would act upon and that none of our jobs has, each with the text for the refusal."""

_LONGEST_TEXT = 2_000
_LARGEST_DECOMPRESSED = 100_000
_LARGEST_NUMBER = 10**9


def read_fields(raw: Mapping[Any, Any]) -> tuple[dict[str, bytes], str | None]:
    """The valid fields, which RQ may read, and the first problem with the others; None when there is no problem."""
    problems: list[str] = []
    fields: dict[str, bytes] = {}
    for key, value in raw.items():
        name = bytes(key).decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        content = value if isinstance(value, bytes) else str(value).encode()
        if name in FORBIDDEN:
            if content:
                problems.append(f"it carries {FORBIDDEN[name]}, which none of our jobs has")
        elif (read := _READERS.get(name)) and content:
            try:
                fields[name] = read(content)
            except (ValueError, OverflowError, zlib.error):
                problems.append(f"its field {name} cannot be read")
    if "data" not in fields:
        problems.append("it names no function")
        fields["data"] = b""
    return fields, problems[0] if problems else None


def read_meta(content: bytes | None) -> dict[str, Any]:
    """The metadata, to be shown only; empty when it is not a JSON object."""
    try:
        meta = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], meta) if isinstance(meta, dict) else {}


def _text(content: bytes) -> bytes:
    return content.decode("utf-8", "replace")[:_LONGEST_TEXT].encode()


def _time(content: bytes) -> bytes:
    """A time as rq.utils.utcformat writes it."""
    datetime.strptime(content.decode("ascii"), "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - only to check it
    return content


def _number(content: bytes) -> bytes:
    if not -1 <= int(content[:20]) <= _LARGEST_NUMBER:
        raise ValueError
    return content


def _status(content: bytes) -> bytes:
    return JobStatus(content.decode()).value.encode()


def _compressed(content: bytes) -> bytes:
    """Data that RQ compressed. Limits its size: a call or a traceback of ours is never larger."""
    decompressor = zlib.decompressobj()
    decompressed = decompressor.decompress(content, _LARGEST_DECOMPRESSED)
    if decompressor.unconsumed_tail or not decompressor.eof:
        raise ValueError
    return zlib.compress(decompressed)


_READERS: Mapping[str, Callable[[bytes], bytes]] = {
    "data": _compressed,
    "exc_info": _compressed,
    **dict.fromkeys(("origin", "description", "worker_name"), _text),
    **dict.fromkeys(("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"), _time),
    **dict.fromkeys(("timeout", "result_ttl", "failure_ttl", "ttl", "retries_left", "number_of_retries"), _number),
    **dict.fromkeys(("enqueue_at_front", "enqueue_at_front_on_retry"), _number),
    "status": _status,
}
"""By field. Fields that are not named here are not passed to RQ."""
