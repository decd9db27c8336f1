"""RQ's jobs and queues, checked: nothing in Redis is unpickled, imported or called unless it is one of our jobs with
valid arguments.

RQ finds the function of a job, and its callbacks, by importing whatever path Redis names; and it reads results and
metadata with pickle by default. Either would let anyone who can write to Redis run code in the workers.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, Self, cast

from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue, serializers
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from rq.job_lifecycle import record_job_failure
from rq.results import Result
from rq.serializers import JSONSerializer

import logs
from jobs.worker.job_calls import RefusedJob, read_call
from jobs.worker.job_fields import read_fields, read_meta

log = logs.get_logger(__name__)

REFUSED_FOR_SECONDS = 7 * 24 * 3600
"""How long a refused job is kept among the failed ones."""
_JOB_ID = re.compile(rb"[A-Za-z0-9_-]{1,200}")
_STATE = frozenset({"status", "origin", "enqueued_at", "started_at", "ended_at", "last_heartbeat", "worker_name"})
"""The fields of a refused job that are written back. The others stay as they are, so that it is refused again."""


def refuse_pickle() -> None:
    """Make RQ refuse to unpickle anything in this process, also where it does not use our serializer."""
    serializers.DefaultSerializer.loads = staticmethod(_unpickle)  # pyright: ignore[reportAttributeAccessIssue]


def _unpickle(_data: bytes) -> Any:
    raise RefusedJob("it is pickled")


def is_job_id(entry: bytes) -> bool:
    """Whether the entry of a queue or registry can be a job's id. RQ raises for others."""
    return _JOB_ID.fullmatch(entry) is not None


class CheckedJob(Job):
    """A job that can be read whatever Redis contains. `refusal` states why it must not run; None when it may."""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: Any = None) -> None:  # noqa: A002, ARG002 - RQ's
        super().__init__(id, connection, JSONSerializer)
        self.refusal: str | None = None

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> Self:  # noqa: A002, ARG003 - RQ's
        """Raises rq.exceptions.NoSuchJobError, also for what cannot be an id."""
        try:
            return cast(Self, super().fetch(id, connection))
        except ValueError as error:
            raise NoSuchJobError("No such job") from error

    def refresh(self) -> None:
        """Raises rq.exceptions.NoSuchJobError, also where the key holds something that is not a job."""
        try:
            super().refresh()
        except ResponseError as error:
            raise NoSuchJobError(f"No job: {self.key}") from error

    def restore(self, raw_data: Any) -> None:
        """Read the fields from Redis. Timeouts and retry delays come from our own table."""
        fields, self.refusal = read_fields(raw_data)
        super().restore(fields)
        self.meta = read_meta(raw_data.get(b"meta"))
        try:
            kind, _ = read_call(self.data)
        except RefusedJob as error:
            self.refusal = self.refusal or str(error)
        else:
            self.timeout, self.failure_ttl = kind.timeout_seconds, kind.keep_failed_seconds
            self.retry_intervals = list(kind.retry_delays_seconds) or None
            self.retries_left = min(self.retries_left or 0, len(kind.retry_delays_seconds)) or None
        if self.refusal is not None:
            self.retries_left, self.failure_ttl = None, REFUSED_FOR_SECONDS

    @property
    def func(self) -> Callable[..., Any]:
        """The function, from our own table. Raises RefusedJob."""
        if self.refusal is not None:
            raise RefusedJob(self.refusal)
        kind, _ = read_call(self.data)
        module, _, name = kind.path.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def fail_as_refused(self, queue: Queue) -> None:
        """Move it from the queue to the queue's failed jobs, with the reason. Raises redis.exceptions.RedisError."""
        self.origin = queue.name
        with self.connection.pipeline() as pipeline:
            record_job_failure(self, f"Refused, and not run: {self.refusal}.", pipeline)
            pipeline.lrem(queue.intermediate_queue_key, 1, self.id)
            pipeline.execute(raise_on_error=False)  # a key of another type must not keep the job on the queue

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        fields = cast(dict[str, Any], super().to_dict(include_meta, include_result))
        return fields if self.refusal is None else {name: fields[name] for name in _STATE & fields.keys()}

    def get_meta(self, refresh: bool = True) -> dict[str, Any]:  # noqa: ARG002 - it was read with the other fields
        return self.meta

    def get_call_string(self) -> str | None:
        """The call, to be shown; None when it cannot be read."""
        try:
            return super().get_call_string()
        except Exception:  # noqa: BLE001 - the call may have any shape
            return None

    def latest_result(self, timeout: int = 0) -> Result | None:
        try:
            return super().latest_result(timeout)
        except (ValueError, KeyError, AttributeError, ResponseError, RefusedJob, RecursionError):
            return None  # it is not ours

    def _fetch_status(self) -> JobStatus:
        try:
            return super()._fetch_status()
        except (ValueError, ResponseError) as error:
            raise InvalidJobOperation(f"The status of job {self.id} cannot be read") from error


class CheckedQueue(Queue):
    """A queue that drops entries which cannot be job ids: RQ's worker would exit at them, after every restart again."""

    def __init__(self, name: str = "default", **options: Any) -> None:
        ours: dict[str, Any] = {"job_class": CheckedJob, "serializer": JSONSerializer}
        super().__init__(name, **{**options, **ours})

    def get_job_ids(self, offset: int = 0, length: int = -1) -> list[str]:
        """Without entries that cannot be job ids."""
        end = offset + length - 1 if length > 0 else length
        entries = cast(list[bytes], self.connection.lrange(self.key, offset, end)) if length else []
        return [entry.decode() for entry in entries if is_job_id(entry)]

    @classmethod
    def lmove(cls, connection: Redis, queue_key: str, timeout: int | None) -> Any:
        while True:
            found = super().lmove(connection, queue_key, timeout)
            if found is None or is_job_id(found[1]):
                return found
            connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 1, found[1])
            log.warning("dropped a queue entry that cannot be a job id", queue=queue_key)
