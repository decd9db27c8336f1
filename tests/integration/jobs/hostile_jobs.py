"""Jobs that an attacker could write to Redis to run code in the workers."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis import Redis

CHURCH = "01900000-0000-7000-8000-000000000000"
MOMENT = "2026-01-01T00:00:00.000000Z"


class MakesFolder:
    """Unpickling it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._mark),)


def pickled(mark: Path) -> bytes:
    return pickle.dumps(MakesFolder(mark))


def call(path: object, *arguments: object, instance: object = None, keywords: object = None) -> bytes:
    """A call as RQ stores it, in compressed JSON."""
    return zlib.compress(json.dumps([path, instance, list(arguments), keywords or {}]).encode())


def good_call() -> bytes:
    return call("jobs.submit_batch.submit_batch", CHURCH, "sms")


def push(redis: Redis, data: bytes | None, *, queue: str = "sms", **fields: Any) -> str:
    """Put a job on the queue as RQ would, with these additional fields. Returns its id."""
    job_id = f"hostile-{uuid4().hex}"
    mapping: dict[str, Any] = {
        "status": "queued",
        "origin": queue,
        "created_at": MOMENT,
        "enqueued_at": MOMENT,
        **fields,
    }
    if data is not None:
        mapping["data"] = data
    for name, value in mapping.items():
        redis.hset(f"rq:job:{job_id}", name, value)
    redis.sadd("rq:queues", f"rq:queue:{queue}")
    redis.rpush(f"rq:queue:{queue}", job_id)
    return job_id
