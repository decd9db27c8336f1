"""Opens the job queue for the process: in Redis, or inline with ENABLE_QUEUES=false."""

from __future__ import annotations

import logs
from channels.registry import CHANNELS
from jobs.job_queue.buffered_job_queue import BufferedJobQueue
from jobs.job_queue.inline_job_queue import InlineJobQueue
from jobs.job_queue.job_queue import JobQueue
from jobs.job_queue.queues import enabled_queues, title
from jobs.job_queue.redis_job_queue import RedisJobQueue
from settings import Settings, mask_url

log = logs.get_logger(__name__)


def open_job_queue(settings: Settings) -> JobQueue:
    """For workers and the clock. Logs whether Redis is connected; without it, the queue connects later."""
    for channel in CHANNELS.values():
        if reason := channel.unavailable_reason(settings):
            log.warning(f"the channel {channel.name} {reason}")
    if not settings.enable_queues:
        return InlineJobQueue(settings)
    job_queue = RedisJobQueue(settings)
    problem = job_queue.check()
    if problem is None:
        log.info("✅ Redis connected", url=mask_url(settings.redis_url or ""))
    else:
        log.warning(
            "Redis is not ready: messages are accepted and wait",
            url=mask_url(settings.redis_url or ""),
            reason=problem,
        )
    log.info(f"✅ Queues initialized: {', '.join(map(title, enabled_queues(settings)))}")
    return job_queue


def open_buffered_job_queue(settings: Settings) -> JobQueue:
    """For the API: its requests do not wait for Redis."""
    job_queue = open_job_queue(settings)
    return BufferedJobQueue(settings, job_queue) if settings.enable_queues else job_queue
