"""What a requeue of a failed job will do, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

import logs
from jobs.job_queue.failed_jobs import FailedJob
from jobs.job_queue.failure_reasons import NOT_OUR_JOB, SENDER_REFUSED
from jobs.job_queue.job_kinds import EXPAND_MESSAGES, SUBMIT_BATCH
from store import due_work, requeue_outlook
from store.requeue_outlook import Outlook

_Place = tuple[UUID, str]
_UNKNOWN = "It is not known what a requeue will do, because the database cannot be read."


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedJob:
    """A failed job with what the database knows about it."""

    job: FailedJob
    church_name: str | None
    reason: str
    """In words: with the sender and the carrier's code, if the carrier refused it."""
    outlook: str
    """What a requeue will do."""
    would_run: bool
    """Whether a worker would run the job. It refuses what is not ours."""


def describe(connection: Connection[Any], jobs: Sequence[FailedJob]) -> list[DescribedJob]:
    places = list(dict.fromkeys(place for job in jobs if (place := _place(job)) is not None))
    outlooks = requeue_outlook.read(connection, places)
    expansions = {
        channel: due_work.count_due_messages(connection, channel)
        for channel in {job.call.channel for job in jobs if job.call and job.call.name == EXPAND_MESSAGES.name}
        if channel is not None
    }
    return [_described(job, outlooks, expansions) for job in jobs]


def describe_without_database(jobs: Sequence[FailedJob]) -> list[DescribedJob]:
    return [
        DescribedJob(
            job=job,
            church_name=None,
            reason=job.reason.text,
            outlook=_UNKNOWN,
            would_run=job.reason.kind != NOT_OUR_JOB,
        )
        for job in jobs
    ]


def _place(job: FailedJob) -> _Place | None:
    if job.call is None or job.call.church_id is None or job.call.channel is None:
        return None
    return job.call.church_id, job.call.channel


def _described(job: FailedJob, outlooks: Mapping[_Place, Outlook], expansions: Mapping[str, int]) -> DescribedJob:
    place = _place(job)
    outlook = None if place is None else outlooks.get(place)
    return DescribedJob(
        job=job,
        church_name=None if outlook is None else outlook.church_name,
        reason=_reason(job, outlook),
        outlook=_outlook(job, outlook, expansions),
        would_run=job.call is not None,
    )


def _reason(job: FailedJob, outlook: Outlook | None) -> str:
    if job.reason.kind != SENDER_REFUSED or outlook is None or outlook.paused_reason is None:
        return job.reason.text
    sender = logs.mask_addresses(outlook.address or outlook.messaging_service_sid or "")
    code = f"{outlook.paused_code} " if outlook.paused_code else ""
    return f"The carrier refused the sender {sender} of {outlook.church_name}: {code}{outlook.paused_reason}"


def _outlook(job: FailedJob, outlook: Outlook | None, expansions: Mapping[str, int]) -> str:
    if job.call is None:
        return "It is refused again. Delete it at /rq."
    if job.call.name == EXPAND_MESSAGES.name:
        messages = expansions.get(job.call.channel or "", 0)
        return f"{messages:,} due messages get their deliveries." if messages else "No message waits for it."
    if job.call.name != SUBMIT_BATCH.name:
        return "The clock enqueues this job by itself, so nothing is left to requeue."
    if outlook is None:
        return "Nothing: the church does not exist."
    return _of_batch(job, outlook)


def _of_batch(job: FailedJob, outlook: Outlook) -> str:
    if outlook.suspended_reason is not None:
        return f"Nothing is sent: the church is suspended ({outlook.suspended_reason})."
    if not outlook.has_sender:
        return f"Nothing is sent: the church has no sender for {outlook.channel} any more."
    if outlook.paused_reason is None:
        return _sent(outlook)
    if outlook.paused_by == job.job_id:
        return f"The sender is resumed. {_sent(outlook)} If the cause is not mended, the sender is paused again."
    return (
        f"Nothing is sent: the sender is still paused because of a later refusal ({outlook.paused_reason}). "
        f"flask resume-sender --church {outlook.church_id} --channel {outlook.channel}"
    )


def _sent(outlook: Outlook) -> str:
    if not outlook.waiting:
        return "Nothing is left to send."
    least = "at least " if outlook.recipients >= requeue_outlook.MOST_COUNTED else ""
    return f"{outlook.sent:,} of {least}{outlook.recipients:,} already sent: {least}{outlook.waiting:,} will be sent."
