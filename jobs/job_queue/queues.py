"""The names of the queues: one for each channel, and one for analytics and housekeeping."""

from __future__ import annotations

from channels.registry import CHANNELS
from settings import RedisSettings

ANALYTICS = "analytics"


def sending_queues() -> tuple[str, ...]:
    """One for each channel, in the order of the registry."""
    return tuple(CHANNELS)


def enabled_queues(settings: RedisSettings) -> tuple[str, ...]:
    """The names of the queues that are switched on, in the order in which they are shown."""
    sending = tuple(name for name, channel in CHANNELS.items() if channel.is_enabled(settings))
    return (*sending, ANALYTICS) if settings.analytics_enabled else sending


def housekeeping_queue(settings: RedisSettings) -> str:
    """The queue of ticks and receipts: analytics, or the first channel's when analytics is switched off."""
    return ANALYTICS if settings.analytics_enabled else sending_queues()[0]


def title(queue: str) -> str:
    """The queue's name as people read it: SMS, Mail."""
    return queue.upper() if len(queue) == 3 else queue.capitalize()
