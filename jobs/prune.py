"""The job that redacts and deletes what is no longer kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection

import logs
from jobs.worker.runtime import Runtime, current_runtime
from store import import_retention, incidents, links, operator_sessions, retention
from store.database import system_scope
from store.retention import Doubts

log = logs.get_logger(__name__)

SLICE = 1000
"""Rows that one transaction changes at most."""
MESSAGES_AT_ONCE = 100
"""Messages that one transaction marks or redacts at most: their deliveries are counted first."""
IMPORTS_AT_ONCE = 5
"""Files that one transaction deletes at most, each of up to 25 MB."""
DELIVERIES_COUNTED = 10_000
"""Deliveries that one transaction compares with their totals, unless a single message has more."""
MOST_IN_DOUBT = 10_000
"""Deliveries in doubt beyond which nothing is pruned: all of them must be known."""
BUDGET_SECONDS = 0.25
"""After this each step leaves the rest to the next run: other jobs share the queue and the database."""


def prune() -> None:
    """Delete old deliveries and receipts, redact texts and addresses, delete old records: a bounded part in a run."""
    runtime = current_runtime()
    settings = runtime.settings
    with system_scope(runtime.database) as connection:
        doubts = retention.find_doubts(connection, limit=MOST_IN_DOUBT)
    if doubts is None:
        log.warning("nothing is pruned while so many deliveries are in doubt", deliveries=MOST_IN_DOUBT)
        return
    deliveries = _prune_deliveries(runtime, doubts, kept_days=settings.deliveries_kept_days)
    receipts = _prune_receipts(runtime, doubts, kept_days=settings.receipts_kept_days)
    messages = _redact(runtime, doubts, kept_days=settings.texts_kept_days)
    inbound = _redact_inbound(runtime, kept_days=settings.texts_kept_days)
    _delete_records(runtime, kept_days=settings.deliveries_kept_days)
    _delete_imports(runtime)
    if deliveries or receipts or messages or inbound:
        log.info(
            "pruned",
            deliveries=deliveries,
            receipts=receipts,
            redacted_messages=messages,
            redacted_inbound_messages=inbound,
        )


def _prune_deliveries(runtime: Runtime, doubts: Doubts, *, kept_days: int) -> int:
    """Return how many deliveries were deleted. A message that was marked and not finished is continued first."""
    began, total = time.monotonic(), 0
    while True:
        total += _repeat(runtime, lambda connection: retention.delete_deliveries(connection, limit=SLICE))
        with system_scope(runtime.database) as connection:
            retention.finish_pruning(connection, limit=SLICE)
        with system_scope(runtime.database) as connection:
            found = retention.begin_pruning(
                connection,
                kept_days=kept_days,
                doubts=doubts,
                limit=MESSAGES_AT_ONCE,
                delivery_limit=DELIVERIES_COUNTED,
            )
        if found.recounts:
            log.warning("totals do not agree with the deliveries: counted again", messages=found.recounts)
        if not found.marked or time.monotonic() - began > BUDGET_SECONDS:
            return total


def _prune_receipts(runtime: Runtime, doubts: Doubts, *, kept_days: int) -> int:
    last = 0

    def delete(connection: Connection[Any]) -> int:
        nonlocal last
        deleted, last = retention.delete_receipts(
            connection, kept_days=kept_days, doubts=doubts, limit=SLICE, after=last
        )
        return deleted

    return _repeat(runtime, delete)


def _redact(runtime: Runtime, doubts: Doubts, *, kept_days: int) -> int:
    """Return how many messages were redacted: each after the addresses of its deliveries."""
    _repeat(
        runtime,
        lambda connection: retention.redact_deliveries(connection, kept_days=kept_days, doubts=doubts, limit=SLICE),
    )
    return _repeat(
        runtime,
        lambda connection: retention.redact_messages(
            connection, kept_days=kept_days, doubts=doubts, limit=MESSAGES_AT_ONCE
        ),
    )


def _redact_inbound(runtime: Runtime, *, kept_days: int) -> int:
    """Return how many messages that people wrote were redacted."""
    _repeat(runtime, lambda connection: retention.delete_conversations(connection, kept_days=kept_days, limit=SLICE))
    return _repeat(
        runtime, lambda connection: retention.redact_inbound_messages(connection, kept_days=kept_days, limit=SLICE)
    )


def _delete_records(runtime: Runtime, *, kept_days: int) -> None:
    _repeat(runtime, lambda connection: retention.delete_schedule_runs(connection, kept_days=kept_days, limit=SLICE))
    _repeat(runtime, lambda connection: links.delete_dead(connection, limit=SLICE))
    _repeat(runtime, lambda connection: incidents.delete_recovered(connection, older_than_days=kept_days, limit=SLICE))
    with system_scope(runtime.database) as connection:
        retention.delete_refused_callbacks(connection, kept_days=kept_days)
        operator_sessions.delete_expired(connection)


def _delete_imports(runtime: Runtime) -> None:
    """Delete files that were never started, and what is kept of the rows of imports that ended."""
    _repeat(runtime, lambda connection: import_retention.delete_abandoned(connection, limit=IMPORTS_AT_ONCE))
    _repeat(runtime, lambda connection: import_retention.delete_rows(connection, limit=SLICE))
    with system_scope(runtime.database) as connection:
        import_retention.expire(connection, limit=MESSAGES_AT_ONCE)


def _repeat(runtime: Runtime, step: Callable[[Connection[Any]], int]) -> int:
    """Run the step in transactions of its own until it finds nothing or the time is up. Return the sum."""
    began, total = time.monotonic(), 0
    while True:
        with system_scope(runtime.database) as connection:
            changed = step(connection)
        total += changed
        if not changed or time.monotonic() - began > BUDGET_SECONDS:
            return total
