"""The names of the queues: one for each channel, and one for analytics and housekeeping."""

from __future__ import annotations

from channels.registry import CHANNELS
from settings import Settings

ANALYTICS = "analytics"
_FIRST = ("sms", "mms", "mail")
"""The first queues in the order in which they are shown; the others follow."""


def sending_queues() -> tuple[str, ...]:
    """One for each channel."""
    return (*(name for name in _FIRST if name in CHANNELS), *sorted(CHANNELS.keys() - set(_FIRST)))


def enabled_queues(settings: Settings) -> tuple[str, ...]:
    """The names of the queues that are switched on, in the order in which they are shown."""
    sending = (name for name in sending_queues() if settings.mail_enabled or name != "mail")
    return (*sending, ANALYTICS) if settings.analytics_enabled else tuple(sending)


def housekeeping_queue(settings: Settings) -> str:
    """Where ticks and receipts go: analytics, or sms when that is switched off."""
    return ANALYTICS if settings.analytics_enabled else sending_queues()[0]


def title(queue: str) -> str:
    """The queue's name as people read it: SMS, Mail."""
    return queue.upper() if len(queue) == 3 else queue.capitalize()
