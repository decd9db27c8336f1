"""Waits until the system has done all it will do."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException

import psycopg

from tools.chaos.system import System
from tools.chaos.tables import Standing, Tables
from tools.sandbox.control import SandboxError
from tools.sandbox.mail.control import MailSandboxError


@dataclass(frozen=True, kw_only=True)
class Patience:
    longest_seconds: float = 180.0
    still_seconds: float = 35.0
    """Nothing has moved for so long, and nothing is due later: nothing more will come. A job that broke three times, as
    when PostgreSQL was away, is run again after 30 seconds (jobs/job_queue/job_kinds.py)."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    seconds: float
    how: str


def settle(system: System, tables: Tables, patience: Patience, *, each_time: Callable[[], None]) -> Settled:
    """Return once all is done, once nothing moves any more, or once patience is at its end."""
    began = moved_at = time.monotonic()
    before: object = None
    while True:
        each_time()
        now = time.monotonic()
        with suppress(psycopg.Error, SandboxError, MailSandboxError, HTTPException, OSError):
            standing = tables.standing()
            summary = system.sandbox.summary()
            if _is_done(standing) and summary.is_quiet:
                return Settled(seconds=now - began, how="all done")
            state = (_position(standing), summary.accepted, summary.callbacks, system.mail_sandbox.summary().mails)
            if state != before or standing.due_in_seconds > 0:
                moved_at, before = now, state
        if now - moved_at > patience.still_seconds:
            return Settled(seconds=moved_at - began, how="nothing moves any more")
        if now - began > patience.longest_seconds:
            return Settled(seconds=now - began, how="patience ended")
        time.sleep(0.2)


def _is_done(standing: Standing) -> bool:
    is_begun = not (standing.unrun or standing.unexpanded)
    return is_begun and not (standing.open or standing.unapplied or standing.uncompleted or standing.unreported)


def _position(standing: Standing) -> tuple[object, ...]:
    return (standing.statuses, standing.unexpanded, standing.unapplied, standing.uncompleted, standing.unrun)
