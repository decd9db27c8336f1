"""The Redis client and RQ's queues, configured the same way everywhere."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from settings import RedisSettings


def open_redis(settings: RedisSettings, *, timeout_seconds: float = 5.0) -> Redis:
    """A client that raises after `timeout_seconds` without an answer.

    It never repeats a command: when only the reply was lost, a job would be enqueued twice.
    """
    assert settings.redis_url is not None  # noqa: S101 - settings refuse queues without it
    return Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=min(timeout_seconds, 2.0),
        socket_timeout=timeout_seconds,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )


def rq_queue(redis: Redis, name: str) -> Queue:
    """The RQ queue of that name. Everything on it is JSON."""
    return Queue(name, connection=redis, serializer=JSONSerializer)
