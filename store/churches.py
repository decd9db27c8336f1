"""Churches, their API keys and their senders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.backoff import HALF_JITTER, backoff_steps
from messaging.quiet_hours import DEFAULT_WINDOW, Window
from store import sql
from store.database import Database, fetch_unscoped

_SQL = sql.load("churches")

_THROTTLE_PAUSES_SECONDS = backoff_steps(7, base_seconds=1.0, limit_seconds=60.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Church:
    church_id: UUID
    name: str
    time_zone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHolder:
    """The church that an API key authenticates, and the scopes of the key."""

    church_id: UUID
    scopes: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedJob:
    """The job that reported the refusal of a church's sender by failing."""

    church_id: UUID
    channel: str
    job_id: str


def create(connection: Connection[Any], *, name: str, time_zone: str, window: Window = DEFAULT_WINDOW) -> UUID:
    """Insert a church and return its id. `window`: when its people may be texted, in their own time zones."""
    names = {"name": name, "time_zone": time_zone, "window_opens": window.opens, "window_closes": window.closes}
    row = connection.execute(_SQL["insert_church"], names).fetchone()
    assert row is not None  # noqa: S101 - INSERT RETURNING
    return row[0]


def get(connection: Connection[Any], church_id: UUID) -> Church | None:
    with connection.cursor(row_factory=class_row(Church)) as cursor:
        return cursor.execute(_SQL["get_church"], {"church_id": church_id}).fetchone()


def set_window(connection: Connection[Any], *, church_id: UUID, window: Window) -> None:
    """Change the texting hours. Deliveries that wait for the old hours are evaluated again by the next claim."""
    names = {"church_id": church_id, "window_opens": window.opens, "window_closes": window.closes}
    connection.execute(_SQL["set_window"], names)
    connection.execute(_SQL["make_quiet_deliveries_due"], {"church_id": church_id})


def set_sender(
    connection: Connection[Any],
    *,
    church_id: UUID,
    channel: str,
    address: str | None,
    messaging_service_sid: str | None,
    segments_per_second: float | None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Insert or replace the church's sender on the channel. `segments_per_second` None: no pace is kept.

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


def has_sender(connection: Connection[Any], *, church_id: UUID, channel: str) -> bool:
    row = connection.execute(_SQL["has_sender"], {"church_id": church_id, "channel": channel}).fetchone()
    return bool(row and row[0])


def pause_sender(connection: Connection[Any], *, church_id: UUID, channel: str, reason: str) -> None:
    """Stop claims for the sender until it is resumed."""
    connection.execute(_SQL["pause_sender"], {"church_id": church_id, "channel": channel, "reason": reason})


def report_refusal(connection: Connection[Any], church_id: UUID, channel: str, *, job_id: str) -> str | None:
    """Returns why the carrier refused the sender, if no job has reported it yet; then this job is to report it."""
    names = {"church_id": church_id, "channel": channel, "job_id": job_id}
    row = connection.execute(_SQL["report_refusal"], names).fetchone()
    return row[0] if row else None


def resume_sender(
    connection: Connection[Any], *, church_id: UUID, channel: str, paused_by: str | None = None
) -> str | None:
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


def throttle_sender(connection: Connection[Any], *, church_id: UUID, channel: str, at_least_seconds: float) -> None:
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


def add_key(
    connection: Connection[Any],
    *,
    church_id: UUID,
    label: str,
    secret_hash: bytes,
    scopes: list[str],
    hint: str | None = None,
    expires_at: datetime | None = None,
) -> UUID:
    """Insert an API key and return its id. `hint`: the last characters of the key, shown in lists."""
    row = connection.execute(
        _SQL["insert_key"],
        {
            "church_id": church_id,
            "label": label,
            "secret_hash": secret_hash,
            "scopes": scopes,
            "hint": hint,
            "expires_at": expires_at,
        },
    ).fetchone()
    assert row is not None  # noqa: S101 - INSERT RETURNING
    return row[0]


def find_key(database: Database, secret_hash: bytes) -> KeyHolder | None:
    """Returns the holder of the key with this SHA-256; None if it does not exist, was revoked or has expired."""
    found = fetch_unscoped(database, _SQL["find_key"], {"secret_hash": secret_hash})
    return KeyHolder(church_id=found[0][0], scopes=found[0][1]) if found else None


def key_expired_at(database: Database, secret_hash: bytes) -> datetime | None:
    """Returns when the key with this SHA-256 expired; None if it has not, was revoked or does not exist."""
    return fetch_unscoped(database, _SQL["key_expired_at"], {"secret_hash": secret_hash})[0][0]
