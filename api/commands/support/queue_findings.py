"""What in a report of the queues needs an operator, in words, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from api.commands.support.queue_report import DueWork, QueueReport
from api.services import services
from channels.registry import CHANNELS
from jobs.job_queue.queue_states import QueueState, QueueStates
from store.due_work import ChannelWork, DueDeliveries

LATE_SECONDS = 30
"""Work that has been due for this long is late: the clock enqueues it each second."""

_WAITS = {
    "sender-paused": "{} wait for a paused sender on {} ({}): flask church list --paused, flask failed",
    "church-suspended": "{} wait because their church is suspended on {} ({}): flask church list --suspended",
    "carrier-limit": "{} wait because the carrier asked for fewer messages on {} ({}): nothing to do",
}


def find_problems(report: QueueReport) -> list[str]:
    """Return one line for each finding, the most urgent first."""
    found = [problem for problem in (report.queues_problem, report.due_problem) if problem]
    if report.queues is not None:
        found += _queue_problems(report.queues)
    if report.due is not None:
        found += _due_problems(report.due, report.queues)
    return found


def _queue_problems(states: QueueStates) -> Iterator[str]:
    if states.suspended:
        yield "Workers take no jobs, because Redis has the key rq:suspended: redis-cli DEL rq:suspended"
    for queue in states.queues:
        if queue.workers == 0:
            yield f"No worker serves {queue.name}: python worker.py {queue.name}"
        if None in (queue.waiting, queue.running, queue.scheduled, queue.failed, queue.workers):
            yield f"A key of {queue.name} in Redis is not of the type that RQ writes: delete it"
        if queue.failed:
            yield f"{_count(queue.failed, 'job')} of {queue.name} failed: flask failed"


def _due_problems(due: DueWork, states: QueueStates | None) -> Iterator[str]:
    queues = {queue.name: queue for queue in states.queues} if states else {}
    for work in due.channels:
        yield from _channel_problems(work, queues.get(work.channel), due.read_at)
    if _is_late(due.receipts.oldest_since, due.read_at):
        yield (
            f"{_count(due.receipts.receipts, 'receipt')} from carriers are not applied since "
            f"{age(due.receipts.oldest_since, due.read_at)}: does a worker serve analytics?"
        )


def _channel_problems(work: ChannelWork, queue: QueueState | None, now: datetime) -> Iterator[str]:
    if not CHANNELS[work.channel].is_enabled(services().settings) and (work.messages or work.due):
        yield f"{work.channel} is switched off, but messages wait for it."
        return
    is_idle = queue is not None and not queue.waiting and not queue.running
    if is_idle and _is_late(work.oldest_message_since, now):
        yield f"{_count(work.messages, 'message')} of {work.channel} are due, but no job is queued: {_CLOCK}"
    for each in work.due:
        if each.waits_for == "claim" and is_idle and _is_late(each.oldest_since, now):
            yield f"{_count(each.deliveries, 'delivery')} of {work.channel} are due, but no job is queued: {_CLOCK}"
        elif each.waits_for in _WAITS:
            yield _waiting(each, work.channel)
    if work.expired:
        yield f"{_count(work.expired, 'delivery')} of {work.channel} have no result and an expired lease: {_CLOCK}"
    if work.in_doubt:
        yield f"{_count(work.in_doubt, 'delivery')} of {work.channel} are in doubt: flask resolve-unknown"


_CLOCK = "does the clock run (python -m jobs.clock), and a worker of analytics?"


def _waiting(due: DueDeliveries, channel: str) -> str:
    churches = "1 church" if due.churches == 1 else f"{due.churches:,} churches"
    return _WAITS[due.waits_for].format(_count(due.deliveries, "delivery"), channel, churches)


def _is_late(since: datetime | None, now: datetime) -> bool:
    return since is not None and (now - since).total_seconds() > LATE_SECONDS


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def age(since: datetime | None, now: datetime) -> str:
    """Return the time that has passed, such as 12 s or 3 h 5 min; `-` without a beginning."""
    if since is None:
        return "-"
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    if hours == 0:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} days"
