"""Waits until the system has no work left."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException

import psycopg

from tools.chaos.system.product_tables import ProductTables, Progress
from tools.chaos.system.system import System
from tools.sandbox.control import SandboxError
from tools.sandbox.mail.control import MailSandboxError

_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class IdleLimits:
    max_seconds: float = 180.0
    unchanged_seconds: float = 35.0
    """If nothing has changed for this long and nothing is due later, nothing more will happen. It is longer than the 30
    seconds after which a job that failed three times, as during a PostgreSQL outage, is run again
    (jobs/job_queue/job_kinds.py)."""


@dataclass(frozen=True, kw_only=True)
class IdleResult:
    seconds: float
    reason: str


def await_idle(
    system: System, tables: ProductTables, limits: IdleLimits, *, before_each_poll: Callable[[], None]
) -> IdleResult:
    """Return when all work is done, when nothing changes any more, or at the time limit."""
    began = changed_at = time.monotonic()
    before: object = None
    while True:
        before_each_poll()
        now = time.monotonic()
        with suppress(psycopg.Error, SandboxError, MailSandboxError, HTTPException, OSError):
            progress = tables.progress()
            summary = system.sandbox.summary()
            if _is_done(progress) and summary.is_quiet:
                return IdleResult(seconds=now - began, reason="all work is done")
            state = (_counts(progress), summary.accepted, summary.callbacks, system.mail_sandbox.summary().mails)
            if state != before or progress.due_in_seconds > 0:
                changed_at, before = now, state
        if now - changed_at > limits.unchanged_seconds:
            return IdleResult(seconds=changed_at - began, reason="nothing changes any more")
        if now - began > limits.max_seconds:
            return IdleResult(seconds=now - began, reason="time limit")
        time.sleep(_POLL_SECONDS)


def _is_done(progress: Progress) -> bool:
    return not (
        progress.due_schedules
        or progress.unexpanded_messages
        or progress.open_deliveries
        or progress.unapplied_receipts
        or progress.uncompleted_messages
        or progress.unreported_deliveries
    )


def _counts(progress: Progress) -> tuple[object, ...]:
    """What changes while work is done."""
    return (
        progress.statuses,
        progress.unexpanded_messages,
        progress.unapplied_receipts,
        progress.uncompleted_messages,
        progress.due_schedules,
    )
