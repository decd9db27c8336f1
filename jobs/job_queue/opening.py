"""The bell that the settings ask for."""

from __future__ import annotations

import logs
from channels.registry import CHANNELS
from jobs.job_queue.buffered_job_queue import BufferedJobQueue
from jobs.job_queue.inline_job_queue import InlineJobQueue
from jobs.job_queue.job_queue import JobQueue
from jobs.job_queue.queues import enabled_queues
from jobs.job_queue.redis_job_queue import RedisJobQueue
from settings import Settings, mask_url

log = logs.get_logger(__name__)


def open_buffered_job_queue(settings: Settings) -> JobQueue:
    """The same for the API, whose callers shall not wait for Redis."""
    return BufferedJobQueue(settings, open_job_queue(settings)) if settings.enable_queues else open_job_queue(settings)


def open_job_queue(settings: Settings) -> JobQueue:
    """The bell that the settings ask for. Works without Redis being there yet."""
    for channel in CHANNELS.values():
        if reason := channel.unavailable_reason(settings):
            log.warning(f"the channel {channel.name} {reason}")
    if not settings.enable_queues:
        return InlineJobQueue(settings)
    job_queue = RedisJobQueue(settings)
    trouble = job_queue.check()
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
    return job_queue
