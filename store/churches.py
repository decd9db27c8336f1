"""Churches, the keys that speak for them, and the senders they send as."""

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
    """Whom an API key speaks for, and what it may do."""

    church_id: UUID
    scopes: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedJob:
    """The job that met the refusal of a church's sender, and failed with it."""

    church_id: UUID
    channel: str
    job_id: str


def create(connection: Connection[Any], *, name: str, time_zone: str, window: Window = DEFAULT_WINDOW) -> UUID:
    """`window`: when its people may be texted, by their own clocks."""
    named = {"name": name, "time_zone": time_zone, "window_opens": window.opens, "window_closes": window.closes}
    row = connection.execute(_SQL["insert_church"], named).fetchone()
    assert row is not None  # noqa: S101 - INSERT RETURNING
    return row[0]


def get(connection: Connection[Any], church_id: UUID) -> Church | None:
    with connection.cursor(row_factory=class_row(Church)) as cursor:
        return cursor.execute(_SQL["get_church"], {"church_id": church_id}).fetchone()


def set_window(connection: Connection[Any], *, church_id: UUID, window: Window) -> None:
    """Let its people be texted at other hours. What waits for the old ones is judged anew."""
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
    """Give the church its sender on the channel, or another one. Without a pace, as fast as the carrier takes them.

    `details` are what the channel's senders have beyond an address. For mail: name, replyTo.
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
    """Let nothing more be claimed for the sender until a person resumes it."""
    connection.execute(_SQL["pause_sender"], {"church_id": church_id, "channel": channel, "reason": reason})


def report_refusal(connection: Connection[Any], church_id: UUID, channel: str, *, job_id: str) -> str | None:
    """Why the carrier refused the sender, if no job has told of it yet: the caller's is the one that does."""
    names = {"church_id": church_id, "channel": channel, "job_id": job_id}
    row = connection.execute(_SQL["report_refusal"], names).fetchone()
    return row[0] if row else None


def resume_sender(
    connection: Connection[Any], *, church_id: UUID, channel: str, paused_by: str | None = None
) -> str | None:
    """Why it was paused (by that job, if one is named), now that it no longer is; None when it was not."""
    names = {"church_id": church_id, "channel": channel, "paused_by": paused_by}
    row = connection.execute(_SQL["resume_sender"], names).fetchone()
    return row[0] if row else None


def failed_jobs_of_resumed(connection: Connection[Any]) -> list[FailedJob]:
    """Jobs that told of refusals which are over, and are to be withdrawn from the failed ones."""
    with connection.cursor(row_factory=class_row(FailedJob)) as cursor:
        return cursor.execute(_SQL["failed_jobs_of_resumed"]).fetchall()


def forget_failed_job(connection: Connection[Any], job: FailedJob) -> None:
    """It is withdrawn."""
    names = {"church_id": job.church_id, "channel": job.channel, "job_id": job.job_id}
    connection.execute(_SQL["forget_failed_job"], names)


def throttle_sender(connection: Connection[Any], *, church_id: UUID, channel: str, at_least_seconds: float) -> None:
    """Claim nothing for the sender for a while: up to a second at first, twice as long each time in a row."""
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
    """The carrier takes their messages again: the next slowing begins small."""
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
    """`hint`: the last characters of the key, to tell it from others in a list."""
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
    """Whom the key with this SHA-256 speaks for; None when there is none, it was revoked or has expired."""
    found = fetch_unscoped(database, _SQL["find_key"], {"secret_hash": secret_hash})
    return KeyHolder(church_id=found[0][0], scopes=found[0][1]) if found else None


def key_expired_at(database: Database, secret_hash: bytes) -> datetime | None:
    """When the key with this SHA-256 expired; None when it has not, was revoked or does not exist."""
    return fetch_unscoped(database, _SQL["key_expired_at"], {"secret_hash": secret_hash})[0][0]
