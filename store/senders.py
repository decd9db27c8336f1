"""Senders: who a church sends as on a channel, its pace, and whether the carrier accepts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.backoff import HALF_JITTER, backoff_steps
from store import sql

_SQL = sql.load("senders")

_THROTTLE_PAUSES_SECONDS = backoff_steps(7, base_seconds=1.0, limit_seconds=60.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedJob:
    """The job that reported the refusal of a church's sender by failing."""

    church_id: UUID
    channel: str
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrierSender:
    """A number or messaging service from which churches send on a channel, and how many do."""

    channel: str
    address: str | None
    messaging_service_sid: str | None
    churches: int


def save(
    connection: Connection[Any],
    *,
    church_id: UUID,
    channel: str,
    address: str | None,
    messaging_service_sid: str | None,
    segments_per_second: float | None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Insert or replace the church's sender on the channel, and resume it. `segments_per_second` None: no pace is kept.

    `details` are the channel's own fields of a sender. For mail: name, replyTo.
    """
    connection.execute(
        _SQL["upsert_sender"],
        {
            "church_id": church_id,
            "channel": channel,
            "address": address,
            "messaging_service_sid": messaging_service_sid,
            "details": Jsonb(dict(details or {})),
            "segments_per_second": segments_per_second,
        },
    )


def exists(connection: Connection[Any], *, church_id: UUID, channel: str) -> bool:
    row = connection.execute(_SQL["has_sender"], {"church_id": church_id, "channel": channel}).fetchone()
    return bool(row and row[0])


def pause(connection: Connection[Any], *, church_id: UUID, channel: str, reason: str) -> None:
    """Stop claims for the sender until it is resumed."""
    connection.execute(_SQL["pause_sender"], {"church_id": church_id, "channel": channel, "reason": reason})


def report_refusal(connection: Connection[Any], church_id: UUID, channel: str, *, job_id: str) -> str | None:
    """Returns why the carrier refused the sender, if no job has reported it yet; then this job is to report it."""
    names = {"church_id": church_id, "channel": channel, "job_id": job_id}
    row = connection.execute(_SQL["report_refusal"], names).fetchone()
    return row[0] if row else None


def resume(connection: Connection[Any], *, church_id: UUID, channel: str, paused_by: str | None = None) -> str | None:
    """Resume the sender and return why it was paused; None if it was not paused (by that job, if one is given)."""
    names = {"church_id": church_id, "channel": channel, "paused_by": paused_by}
    row = connection.execute(_SQL["resume_sender"], names).fetchone()
    return row[0] if row else None


def failed_jobs_of_resumed(connection: Connection[Any]) -> list[FailedJob]:
    """Returns the jobs that reported the refusal of a sender that was resumed since; the caller withdraws them."""
    with connection.cursor(row_factory=class_row(FailedJob)) as cursor:
        return cursor.execute(_SQL["failed_jobs_of_resumed"]).fetchall()


def forget_failed_job(connection: Connection[Any], job: FailedJob) -> None:
    """Record that the failed job is withdrawn."""
    names = {"church_id": job.church_id, "channel": job.channel, "job_id": job.job_id}
    connection.execute(_SQL["forget_failed_job"], names)


def throttle(connection: Connection[Any], *, church_id: UUID, channel: str, at_least_seconds: float) -> None:
    """Stop claims for the sender for a while: up to a second at first, doubled at each further throttle in a row."""
    connection.execute(
        _SQL["throttle_sender"],
        {
            "church_id": church_id,
            "channel": channel,
            "at_least_seconds": at_least_seconds,
            "pauses_seconds": _THROTTLE_PAUSES_SECONDS,
            "jitter": HALF_JITTER,
        },
    )


def reset_throttle(connection: Connection[Any], *, church_ids: Sequence[UUID], channel: str) -> None:
    """Make the next throttle of these senders begin with the shortest pause: the carrier accepts again."""
    connection.execute(_SQL["reset_throttle"], {"church_ids": list(church_ids), "channel": channel})


def list_carrier_senders(connection: Connection[Any], *, channels: Sequence[str]) -> list[CarrierSender]:
    """Return the senders of all churches on these channels, each once for a channel."""
    with connection.cursor(row_factory=class_row(CarrierSender)) as cursor:
        return cursor.execute(_SQL["list_carrier_senders"], {"channels": list(channels)}).fetchall()
