"""How anyone asks for work to be done: a bell, rung for a job.

A job carries ids only and means "there may be work here": running it twice, late, or for nothing is harmless. Of one
job with the same ids at most one waits at a time, so ringing often is harmless too. Ringing never raises: what is not
heard now, the clock rings again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from uuid import UUID, uuid4

from redis.exceptions import RedisError
from rq import Retry
from rq.job import Job

import logs
from channels.registry import CHANNELS
from jobs.queues import (
    APPLY_RECEIPTS,
    EXPAND_MESSAGE,
    SEND_BATCH,
    JobKind,
    enabled_queues,
    housekeeping_queue,
    open_redis,
    queue,
)
from settings import Settings, mask_url

log = logs.get_logger(__name__)

PATIENCE_SECONDS = 1.0
"""How long a ringer waits for a Redis that hangs: a request of the API may be behind it."""
QUEUED_TRUST_SECONDS = 30
"""A job that should be waiting for longer than this may have been lost by a worker that was killed: ring beside it."""


class Doorbell(ABC):
    """What the ringers see; the ways to be heard are below it."""

    def __init__(self, settings: Settings) -> None:
        self._housekeeping = housekeeping_queue(settings)

    @abstractmethod
    def ring(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        """Ask for a job, its arguments ids. Whether it was heard, now or before."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection."""

    @abstractmethod
    def check(self) -> str | None:
        """None when the bell works, else why not."""

    def ring_expansion(self, *, channel: str, church_id: UUID, message_id: UUID, request_id: str) -> bool:
        """Ask for a message's audience to be written."""
        return self.ring(EXPAND_MESSAGE, channel, str(church_id), str(message_id), request_id)

    def ring_turn(self, *, channel: str, church_id: UUID) -> bool:
        """Ask for one turn of sending for the church."""
        return self.ring(SEND_BATCH, channel, str(church_id), channel)

    def ring_receipts(self) -> bool:
        """Ask for stored receipts to be applied."""
        return self.ring(APPLY_RECEIPTS, self._housekeeping)

    def ring_tick(self, kind: JobKind) -> bool:
        """Ask for a piece of housekeeping."""
        if kind.asks_carriers:
            heard = [self.ring(kind, channel, channel) for channel in CHANNELS]
            return all(heard)
        return self.ring(kind, self._housekeeping)


def open_doorbell(settings: Settings) -> Doorbell:
    """The bell that the settings ask for. Works without Redis being there yet."""
    if not settings.enable_queues:
        from jobs.inline import InlineDoorbell  # it opens everything that the jobs need

        return InlineDoorbell(settings)
    doorbell = RedisDoorbell(settings)
    trouble = doorbell.check()
    if trouble is None:
        log.info("✅ Redis connected", url=mask_url(settings.redis_url or ""))
    else:
        log.warning(
            "Redis not connected: messages are accepted and wait",
            url=mask_url(settings.redis_url or ""),
            reason=trouble,
        )
    names = ", ".join(name.upper() if len(name) == 3 else name.capitalize() for name in enabled_queues(settings))
    log.info(f"✅ Queues initialized: {names}")
    return doorbell


# KEYS[1]: the job that is pending for these ids, and since when. ARGV: the new job's id, RQ's prefix of jobs, and
# how long a waiting and a failed job hold the place, in seconds. Answers 1 when the caller is to enqueue under the
# new id. A job that vanished (Redis emptied, ringer killed before it enqueued) or that has begun holds no place.
_TAKE_PLACE = """
local now = tonumber(redis.call('TIME')[1])
local pending = redis.call('HGET', KEYS[1], 'job')
if pending then
    local status = redis.call('HGET', ARGV[2] .. pending, 'status')
    local since = now - tonumber(redis.call('HGET', KEYS[1], 'at'))
    if status == 'queued' and since < tonumber(ARGV[3]) then
        return 0
    end
    if (status == 'failed' or status == 'scheduled') and since < tonumber(ARGV[4]) then
        return 0
    end
end
redis.call('HSET', KEYS[1], 'job', ARGV[1], 'at', now)
redis.call('EXPIRE', KEYS[1], 86400)
return 1
"""


class RedisDoorbell(Doorbell):
    """Rings by putting a job on an RQ queue, unless the same is waiting already."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._redis = open_redis(settings, patience_seconds=PATIENCE_SECONDS)
        self._take_place = self._redis.register_script(_TAKE_PLACE)

    def ring(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        try:
            self._enqueue(kind, queue, arguments)
        except RedisError as error:
            log.warning("doorbell not heard", job=kind.name, queue=queue, error=type(error).__name__)
            return False
        return True

    def check(self) -> str | None:
        try:
            self._redis.ping()
        except RedisError as error:
            return f"Redis does not answer ({type(error).__name__})"
        return None

    def close(self) -> None:
        self._redis.close()

    def _enqueue(self, kind: JobKind, name: str, arguments: tuple[str, ...]) -> None:
        job_id = f"{kind.name}-{uuid4().hex}"
        place = ":".join(("koinonia:pending", kind.name, *arguments))
        taken = self._take_place(
            keys=[place],
            args=[
                job_id,
                Job.redis_job_namespace_prefix,
                QUEUED_TRUST_SECONDS,
                kind.failed_pause_seconds,
            ],
        )
        if taken:
            queue(self._redis, name).enqueue_call(
                kind.path,
                args=arguments,
                job_id=job_id,
                description=kind.name,
                timeout=kind.timeout_seconds,
                result_ttl=0,
                failure_ttl=kind.failed_for_seconds,
                retry=_retry(kind),
            )


def _retry(kind: JobKind) -> Retry | None:
    pauses = list(kind.retry_after_seconds)
    return Retry(max=len(pauses), interval=pauses) if pauses else None
