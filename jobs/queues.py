"""The queues and the jobs that may stand on them."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from settings import Settings

SENDING_QUEUES = ("sms", "mms", "mail")
ANALYTICS = "analytics"


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A function that workers may be asked to run, by the path that is written to Redis."""

    path: str
    timeout_seconds: int

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


EXPAND_MESSAGE = JobKind(path="jobs.expand_message.expand_message", timeout_seconds=120)
SEND_BATCH = JobKind(path="jobs.send_batch.send_batch", timeout_seconds=300)
APPLY_RECEIPTS = JobKind(path="jobs.apply_receipts.apply_receipts", timeout_seconds=120)

JOBS = (EXPAND_MESSAGE, SEND_BATCH, APPLY_RECEIPTS)


def enabled_queues(settings: Settings) -> tuple[str, ...]:
    """The names of the queues that are switched on, in the order in which they are shown."""
    switched_off = set[str]()
    if not settings.mail_enabled:
        switched_off.add("mail")
    if not settings.analytics_enabled:
        switched_off.add(ANALYTICS)
    return tuple(name for name in (*SENDING_QUEUES, ANALYTICS) if name not in switched_off)


def housekeeping_queue(settings: Settings) -> str:
    """Where ticks and receipts go: analytics, or sms when that is switched off."""
    return ANALYTICS if settings.analytics_enabled else SENDING_QUEUES[0]


def open_redis(settings: Settings) -> Redis:
    """A client that gives up quickly, and never repeats a command by itself: a lost reply must not ring twice."""
    assert settings.redis_url is not None  # noqa: S101 - settings refuse queues without it
    return Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=2.0,
        socket_timeout=5.0,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )


def queue(redis: Redis, name: str) -> Queue:
    """The RQ queue; everything on it is JSON."""
    return Queue(name, connection=redis, serializer=JSONSerializer)
