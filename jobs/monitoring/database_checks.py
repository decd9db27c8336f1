"""What the watcher measures in PostgreSQL, in one short transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from channels.registry import CHANNELS
from jobs.monitoring.alert_kinds import (
    DATABASE_SIZE,
    DELIVERIES_IN_DOUBT,
    POSTGRESQL_CONNECTIONS,
    RECEIPTS_MISSING,
    SENDER_REFUSED,
)
from jobs.monitoring.findings import Check, Finding, check
from settings import Settings
from store import alert_measurements
from store.alert_measurements import COUNTED_IN_DOUBT, AwaitingReceipts, Connections, LongInDoubt, PausedSender

SENDERS_TOLD_SINGLY = 5
"""If more senders than this are refused, the cause is common to them, and one incident tells it."""
_RECEIPTS_TOLD_FROM = 20
"""With fewer deliveries that wait for receipts, some phones may just be off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseState:
    connections: Connections
    bytes: int | None
    """None unless a threshold is set."""
    in_doubt: LongInDoubt
    paused_senders: Sequence[PausedSender]
    """The latest, one more than are told singly."""
    receipts: AwaitingReceipts


def measure(connection: Connection[Any], settings: Settings) -> DatabaseState:
    """Raises psycopg.OperationalError."""
    with_receipts = [name for name, channel in CHANNELS.items() if channel.can_fetch_statuses]
    least_seconds = settings.alert_receipts_seconds
    return DatabaseState(
        connections=alert_measurements.measure_connections(connection),
        bytes=alert_measurements.measure_database_size(connection) if settings.alert_database_mb else None,
        in_doubt=alert_measurements.count_long_in_doubt(connection, least_seconds=settings.alert_doubt_seconds),
        paused_senders=alert_measurements.list_paused_senders(connection, limit=SENDERS_TOLD_SINGLY + 1),
        receipts=alert_measurements.count_awaiting_receipts(
            connection, channels=with_receipts, least_seconds=least_seconds, most_seconds=3 * least_seconds
        ),
    )


def judge(state: DatabaseState, settings: Settings) -> list[Check]:
    checks = [
        check(POSTGRESQL_CONNECTIONS, _connections(state.connections, settings.alert_connections_percent)),
        check(DELIVERIES_IN_DOUBT, _in_doubt(state.in_doubt, settings.alert_doubt_seconds)),
        check(RECEIPTS_MISSING, _receipts(state.receipts, settings.alert_receipts_seconds)),
        _senders(state.paused_senders),
    ]
    if state.bytes is not None and settings.alert_database_mb is not None:
        checks.append(check(DATABASE_SIZE, _size(state.bytes / 1e6, settings.alert_database_mb)))
    return checks


def _connections(connections: Connections, most_percent: float) -> Finding | None:
    if 100 * connections.used <= most_percent * connections.available:
        return None
    return Finding(
        summary=f"PostgreSQL has {connections.used} of {connections.available} connections",
        facts={
            "connections": connections.used,
            "available": connections.available,
            "thresholdPercent": most_percent,
        },
    )


def _in_doubt(in_doubt: LongInDoubt, least_seconds: float) -> Finding | None:
    if not in_doubt.deliveries or in_doubt.since is None:
        return None
    count = in_doubt.deliveries
    many = f"{count} or more" if count == COUNTED_IN_DOUBT else str(count)
    return Finding(
        summary=f"{many} {'delivery is' if count == 1 else 'deliveries are'} in doubt and not resolved",
        facts={"deliveries": count, "since": in_doubt.since.isoformat(), "thresholdSeconds": least_seconds},
    )


def _receipts(receipts: AwaitingReceipts, least_seconds: float) -> Finding | None:
    if receipts.awaiting < _RECEIPTS_TOLD_FROM or 2 * receipts.awaiting <= receipts.submitted:
        return None
    return Finding(
        summary="most of what was sent lately has no receipt: callbacks do not arrive",
        facts={
            "withoutReceipt": receipts.awaiting,
            "sampledDeliveries": receipts.submitted,
            "thresholdSeconds": least_seconds,
        },
    )


def _senders(paused: Sequence[PausedSender]) -> Check:
    """One incident for each church and channel; one for all together if there are many."""
    if len(paused) <= SENDERS_TOLD_SINGLY:
        return check(SENDER_REFUSED, *map(_sender, paused))
    latest = paused[0]
    many = Finding(
        subject="several",
        summary=f"the carrier refuses more than {SENDERS_TOLD_SINGLY} senders; the latest: {latest.paused_reason}",
        facts={"churchId": str(latest.church_id), "channel": latest.channel},
    )
    return Check(kind=SENDER_REFUSED, findings=(many,), is_complete=False)


def _sender(sender: PausedSender) -> Finding:
    return Finding(
        subject=f"{sender.channel} {sender.church_id}",
        summary=f"the carrier refuses the {sender.channel} sender of a church: {sender.paused_reason}",
        facts={
            "churchId": str(sender.church_id),
            "channel": sender.channel,
            "pausedAt": sender.paused_at.isoformat(),
            "reason": sender.paused_reason,
        },
    )


def _size(mb: float, most_mb: float) -> Finding | None:
    if mb <= most_mb:
        return None
    return Finding(summary=f"the database has {mb:.0f} MB", facts={"databaseMb": round(mb), "threshold": most_mb})
