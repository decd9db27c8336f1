"""The bell that the settings ask for."""

from __future__ import annotations

import logs
from channels.registry import CHANNELS
from jobs.doorbell import Doorbell
from jobs.inline_doorbell import InlineDoorbell
from jobs.queues import enabled_queues
from jobs.redis_doorbell import RedisDoorbell
from jobs.soon_doorbell import SoonDoorbell
from settings import Settings, mask_url

log = logs.get_logger(__name__)


def open_soon_doorbell(settings: Settings) -> Doorbell:
    """The same for the API, whose callers shall not wait for Redis."""
    return SoonDoorbell(settings, open_doorbell(settings)) if settings.enable_queues else open_doorbell(settings)


def open_doorbell(settings: Settings) -> Doorbell:
    """The bell that the settings ask for. Works without Redis being there yet."""
    for channel in CHANNELS.values():
        if reason := channel.unavailable(settings):
            log.warning(f"the channel {channel.name} {reason}")
    if not settings.enable_queues:
        return InlineDoorbell(settings)
    doorbell = RedisDoorbell(settings)
    trouble = doorbell.check()
    if trouble is None:
        log.info("✅ Redis connected", url=mask_url(settings.redis_url or ""))
    else:
        log.warning(
            "Redis not connected: messages are accepted and wait",
            url=mask_url(settings.redis_url or ""),
            reason=trouble,
        )
    names = ", ".join(name.upper() if len(name) == 3 else name.capitalize() for name in enabled_queues(settings))
    log.info(f"✅ Queues initialized: {names}")
    return doorbell
