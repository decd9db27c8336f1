"""Counts the segments of messages against a church's daily limit and its monthly quota."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from api.services import services
from channels.registry import CHANNELS
from store import daily_limits
from store.daily_limits import Need
from store.messages import Message
from store.schedules import ScheduleDefinition


def need_of(
    connection: Connection[Any],
    *,
    church_id: UUID,
    channel: str,
    segments: int,
    target_type: str,
    target: dict[str, list[str]],
    send_at: datetime | None,
) -> Need | None:
    """Return the segments that a message needs, and their day; None if its channel is not limited.

    `send_at` is None for now.
    """
    return daily_limits.measure(
        connection,
        church_id=church_id,
        target_type=target_type,
        target=target,
        segments_each=segments * CHANNELS[channel].daily_limit_weight,
        default_limit=services().settings.daily_segment_limit,
        send_at=send_at,
    )


def refuse_runs_beyond(connection: Connection[Any], *, church_id: UUID, definition: ScheduleDefinition) -> None:
    """Raise LimitReached if a single run of a schedule needs more than a whole day's limit or month's quota."""
    need = need_of(
        connection,
        church_id=church_id,
        channel=definition.channel,
        segments=definition.segments,
        target_type=definition.target_type,
        target=definition.target,
        send_at=None,
    )
    daily_limits.require_within_limit(need)


def reserve_again(connection: Connection[Any], *, church_id: UUID, message: Message, segments: int) -> None:
    """Count the segments of deliveries that are sent again against today's limit. Raises LimitReached."""
    need = daily_limits.measure_resend(
        connection,
        church_id=church_id,
        segments=segments * CHANNELS[message.channel].daily_limit_weight,
        default_limit=services().settings.daily_segment_limit,
    )
    if need is not None:
        daily_limits.reserve(connection, church_id=church_id, need=need)
        daily_limits.forget_reservation(connection, church_id=church_id, message_id=message.message_id)


def give_back(connection: Connection[Any], *, church_id: UUID, message: Message, segments: int) -> None:
    """Return the segments of canceled deliveries to the limits. `message` is the message before it was canceled."""
    daily_limits.release(
        connection,
        church_id=church_id,
        message_id=message.message_id,
        segments=None if message.expanded_at is None else segments * CHANNELS[message.channel].daily_limit_weight,
    )
