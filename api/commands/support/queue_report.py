"""Reads what `flask queues` shows: the queues in Redis and the due work in PostgreSQL, each also without the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import click
from psycopg import Connection
from redis.exceptions import RedisError

from api.commands.support.transaction import transaction
from api.services import services
from channels.registry import CHANNELS
from jobs.job_queue.queue_states import QueueStates, read_states
from jobs.job_queue.queues import enabled_queues
from jobs.job_queue.redis_connection import open_redis
from store import due_work, requeue_outlook
from store.due_work import ChannelWork, UnappliedReceipts
from store.timeouts import OVERVIEW

REDIS_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DueWork:
    read_at: datetime
    """By the clock of the database."""
    channels: list[ChannelWork]
    receipts: UnappliedReceipts
    church_names: dict[UUID, str]
    """Of the churches whose jobs run now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueReport:
    queues: QueueStates | None
    queues_problem: str | None
    """Why Redis could not be read. None with `queues` None: queues are switched off."""
    due: DueWork | None
    due_problem: str | None
    """Why PostgreSQL could not be read."""


def read_report() -> QueueReport:
    """Wait a few seconds at most for either of the two."""
    queues, queues_problem = _read_queues()
    running = [
        worker.call.church_id
        for queue in (queues.queues if queues else ())
        for worker in queue.worker_states
        if worker.call is not None and worker.call.church_id is not None
    ]
    try:
        with transaction(timeouts=OVERVIEW) as connection:
            due, due_problem = _read_due(connection, running), None
    except click.ClickException as error:
        due, due_problem = None, error.message
    return QueueReport(queues=queues, queues_problem=queues_problem, due=due, due_problem=due_problem)


def _read_queues() -> tuple[QueueStates | None, str | None]:
    settings = services().settings
    if not settings.enable_queues:
        return None, None
    redis = open_redis(settings, timeout_seconds=REDIS_TIMEOUT_SECONDS)
    try:
        return read_states(redis, enabled_queues(settings)), None
    except RedisError as error:
        return None, f"Redis does not answer ({type(error).__name__}): check REDIS_URL, or run flask check-redis."
    finally:
        redis.close()


def _read_due(connection: Connection[Any], church_ids: list[UUID]) -> DueWork:
    return DueWork(
        read_at=due_work.read_clock(connection),
        channels=[due_work.read_channel(connection, channel) for channel in CHANNELS],
        receipts=due_work.read_receipts(connection),
        church_names=requeue_outlook.church_names(connection, church_ids),
    )
