"""Writes texts to one person, and enqueues the job that submits them."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from api.services import services
from channels.registry import CHANNELS
from store import direct_texts
from store.direct_texts import DirectText, NewDirectText, TextingRules


def write_direct_text(connection: Connection[Any], new: NewDirectText) -> DirectText:
    """Write the text in the caller's transaction; afterwards call enqueue_direct_text(). Raises as insert() does."""
    channel, settings = CHANNELS[new.channel], services().settings
    rules = TextingRules(
        segment_weight=channel.daily_limit_weight,
        keeps_quiet_hours=channel.keeps_quiet_hours,
        default_limit=settings.daily_segment_limit,
        default_regions=tuple(settings.default_regions),
    )
    return direct_texts.insert(connection, new, rules=rules)


def enqueue_direct_text(text: DirectText, new: NewDirectText) -> None:
    """Enqueue the job that submits the text, after the commit. If the process dies before, the clock enqueues it."""
    job_queue = services().job_queue
    if text.has_pace:
        job_queue.enqueue_paced_batch(channel=new.channel)
    else:
        job_queue.enqueue_batch(channel=new.channel, church_id=new.church_id)
