"""Why a job failed, from the text that RQ keeps of its exception: a kind to select by, and plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg.errors
from psycopg import OperationalError

import logs

SENDER_REFUSED = "sender-refused"
NOT_OUR_JOB = "not-our-job"
UNEXPECTED = "error"

KINDS: Mapping[str, str] = {
    SENDER_REFUSED: "the carrier refuses a church's sender",
    "audience-failed": "the deliveries of a message cannot be written",
    "database-away": "PostgreSQL could not be reached",
    "database-busy": "PostgreSQL was too busy: a statement, or its wait for a lock, took too long",
    "database-not-migrated": "the database does not have this release's schema",
    "redis-away": "Redis could not be reached",
    "timeout": "the job ran longer than it may",
    "worker-lost": "the worker disappeared while it ran the job: it was killed, or its host was",
    NOT_OUR_JOB: "somebody wrote a job to Redis that is not one of ours; it was not run",
    UNEXPECTED: "an error in the program; /rq shows the traceback",
}
"""The kinds of reasons, each with what it means."""

_BUSY = frozenset({"QueryCanceled", "LockNotAvailable", "DeadlockDetected"})
_AWAY = frozenset(
    name
    for name, error in vars(psycopg.errors).items()
    if isinstance(error, type) and issubclass(error, OperationalError)
) | {"OperationalError", "PoolTimeout", "PoolClosed", "ServerUnresponsive", "StatementUnresponsive", "OutcomeUnknown"}
_BY_NAME: Mapping[str, str] = {
    "SenderRefused": SENDER_REFUSED,
    "ExpansionFailed": "audience-failed",
    "SchemaMismatch": "database-not-migrated",
    "JobTimeoutException": "timeout",
    **dict.fromkeys(_AWAY - _BUSY, "database-away"),
    **dict.fromkeys(_BUSY, "database-busy"),
}
_EXCEPTION = re.compile(r"((?:\w+\.)*)(\w+)(?:: (.*))?")
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureReason:
    kind: str
    """One of KINDS."""
    text: str
    """The reason in words. Numbers and addresses are masked."""


def reason_of(exception_text: str) -> FailureReason:
    """Classify the text: a traceback, or the last line of one, or RQ's or our own sentence."""
    if "AbandonedJobError" in exception_text:
        return _reason("worker-lost")
    if exception_text.startswith("Refused, and not run: "):
        return _reason(NOT_OUR_JOB, exception_text.removeprefix("Refused, and not run: ").strip().rstrip("."))
    module, name, text = _last_exception(exception_text)
    if module.startswith("redis."):
        return _reason("redis-away", name)
    kind = _BY_NAME.get(name, UNEXPECTED)
    if kind in (SENDER_REFUSED, "audience-failed", "database-not-migrated"):
        return _reason(kind, text)
    return _reason(kind, name)  # the text of another exception may quote rows, and so messages


def _last_exception(text: str) -> tuple[str, str, str]:
    """The module, the name and the text of the exception that ended the job; empty strings if there is none."""
    lines = text.splitlines()
    for place in range(len(lines) - 1, -1, -1):
        found = _EXCEPTION.fullmatch(lines[place])
        if found and (place == 0 or lines[place - 1].startswith(" ")):  # right after the frames of a traceback
            return found[1], found[2], found[3] or ""
    return "", "", ""


def _reason(kind: str, detail: str = "") -> FailureReason:
    words = KINDS[kind]
    text = f"{words[0].upper()}{words[1:]}" + (f" ({detail})" if detail else "")
    return FailureReason(kind=kind, text=logs.mask_addresses(text[:_SHOWN_CHARACTERS]))
