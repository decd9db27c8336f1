"""What counts against a church's daily limit, with the limits from the settings and the channels."""

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
    """Return what a message takes of the daily limit; None if its channel does not count. `send_at` None means now."""
    return daily_limits.measure(
        connection,
        church_id=church_id,
        target_type=target_type,
        target=target,
        segments_each=segments * CHANNELS[channel].daily_limit_weight,
        default_limit=services().settings.daily_segment_limit,
        send_at=send_at,
    )


def refuse_runs_beyond(connection: Connection[Any], *, church_id: UUID, terms: ScheduleDefinition) -> None:
    """Raises DailyLimitReached when one run of a schedule would take more than a whole day's limit."""
    need = need_of(
        connection,
        church_id=church_id,
        channel=terms.channel,
        segments=terms.segments,
        target_type=terms.target_type,
        target=terms.target,
        send_at=None,
    )
    daily_limits.refuse_beyond(need)


def reserve_again(connection: Connection[Any], *, church_id: UUID, message: Message, deliveries: int) -> None:
    """Count deliveries that are sent again against today's limit. Raises DailyLimitReached."""
    need = daily_limits.measure_again(
        connection,
        church_id=church_id,
        deliveries=deliveries,
        segments_each=_each(message),
        default_limit=services().settings.daily_segment_limit,
    )
    if need is not None:
        daily_limits.reserve(connection, church_id=church_id, need=need)
        daily_limits.keep_counted(connection, church_id=church_id, message_id=message.message_id)


def give_back(connection: Connection[Any], *, church_id: UUID, message: Message, canceled: int) -> None:
    """Return the segments of canceled deliveries to the limit. `message` is the message before it was canceled."""
    daily_limits.give_back(
        connection,
        church_id=church_id,
        message_id=message.message_id,
        segments=None if message.expanded_at is None else canceled * _each(message),
    )


def _each(message: Message) -> int:
    return message.segments * CHANNELS[message.channel].daily_limit_weight
