"""The queues and the jobs that may stand on them."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from channels.registry import CHANNELS
from settings import Settings

ANALYTICS = "analytics"


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A function that workers may be asked to run, by the path that is written to Redis. All times in seconds."""

    path: str
    timeout_seconds: int
    parameters: tuple[str, ...] = ()
    """The names of the function's parameters: workers refuse other arguments (jobs/worker/job_calls.py)."""
    retry_after_seconds: tuple[int, ...] = (2, 10, 30, 60)
    """The pauses before it is run again by itself after it failed."""
    failed_pause_seconds: int = 60
    """Once it failed for good it is rung for again after this: often enough to mend, too rarely to flood the list."""
    failed_for_seconds: int = 7 * 24 * 3600
    """How long a failed one can be seen and requeued."""
    quiet_seconds: float = 0.005
    """How long the API, once it rang, lets rings for the same job gather: at full speed one serves many requests."""
    asks_carriers: bool = False
    """Housekeeping that waits for a carrier: done on each channel's own queue, so that it holds up nothing else."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def tick_kind(name: str, *, timeout_seconds: int, quiet_seconds: float = 0.005, asks_carriers: bool = False) -> JobKind:
    """Housekeeping, the function `jobs.<name>.<name>`: it comes again by itself, so its failures pass quickly."""
    return JobKind(
        path=f"jobs.{name}.{name}",
        timeout_seconds=timeout_seconds,
        parameters=("channel",) if asks_carriers else (),
        retry_after_seconds=(),
        failed_pause_seconds=1,
        failed_for_seconds=300,
        quiet_seconds=quiet_seconds,
        asks_carriers=asks_carriers,
    )


EXPAND_MESSAGES = JobKind(path="jobs.expand_messages.expand_messages", timeout_seconds=120, parameters=("channel",))
SUBMIT_BATCH = JobKind(path="jobs.submit_batch.submit_batch", timeout_seconds=300, parameters=("church_id", "channel"))
APPLY_RECEIPTS = tick_kind("apply_receipts", timeout_seconds=120, quiet_seconds=0.25)
ENQUEUE_DUE = tick_kind("enqueue_due", timeout_seconds=60)
SWEEP = tick_kind("sweep", timeout_seconds=60)
RECONCILE = tick_kind("reconcile", timeout_seconds=600, asks_carriers=True)
FETCH_RECEIPTS = tick_kind("fetch_receipts", timeout_seconds=600, asks_carriers=True)
ROLL_UP = tick_kind("roll_up", timeout_seconds=600)
PING = JobKind(
    path="jobs.ping.ping", timeout_seconds=10, parameters=("nonce",), retry_after_seconds=(), failed_for_seconds=60
)

JOBS = (EXPAND_MESSAGES, SUBMIT_BATCH, APPLY_RECEIPTS, ENQUEUE_DUE, SWEEP, RECONCILE, FETCH_RECEIPTS, ROLL_UP, PING)
"""All that workers run. They refuse every other function."""


def sending_queues() -> tuple[str, ...]:
    """One for each channel, in the order of the registry."""
    return tuple(CHANNELS)


def enabled_queues(settings: Settings) -> tuple[str, ...]:
    """The names of the queues that are switched on, in the order in which they are shown."""
    sending = tuple(name for name, channel in CHANNELS.items() if channel.is_enabled(settings))
    return (*sending, ANALYTICS) if settings.analytics_enabled else sending


def housekeeping_queue(settings: Settings) -> str:
    """The queue of ticks and receipts: analytics, or the first channel's when analytics is switched off."""
    return ANALYTICS if settings.analytics_enabled else sending_queues()[0]


def open_redis(settings: Settings, *, patience_seconds: float = 5.0) -> Redis:
    """A client that gives up after `patience_seconds` without an answer.

    It never repeats a command by itself: a lost reply must not ring twice.
    """
    assert settings.redis_url is not None  # noqa: S101 - settings refuse queues without it
    return Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=min(patience_seconds, 2.0),
        socket_timeout=patience_seconds,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )


def queue(redis: Redis, name: str) -> Queue:
    """The RQ queue; everything on it is JSON."""
    return Queue(name, connection=redis, serializer=JSONSerializer)
