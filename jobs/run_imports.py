"""The job that takes the rows of imports, and undoes imports."""

from __future__ import annotations

import time
from uuid import uuid4

import logs
from jobs.worker.runtime import Runtime, current_runtime
from store import audit, church_limits, contacts, import_rows, imports
from store.audit import Actor
from store.database import church_scope, system_scope
from store.import_rows import PartRows
from store.imports import ClaimedImport, Import
from store.unique_violations import retry_unique_violations

log = logs.get_logger(__name__)

BUDGET_SECONDS = 2.0
"""After this the job ends and is enqueued again: receipts share its queue. An import of another church comes first."""
_SERVICE = Actor(kind="service", name="imports")


def run_imports() -> None:
    """Go on with due imports, part by part, each in a transaction of its own.

    A worker leases an import. If it dies, its lease expires, and the clock has the job enqueued again.
    """
    runtime = current_runtime()
    deadline = time.monotonic() + BUDGET_SECONDS
    while True:
        with system_scope(runtime.database) as connection:
            claimed = imports.claim(connection, uuid4())
        if claimed is None:
            return
        while (goes_on := _go_on(runtime, claimed)) and time.monotonic() < deadline:
            pass
        if goes_on:
            with system_scope(runtime.database) as connection:
                imports.release(connection, claimed)
            runtime.job_queue.enqueue_imports()
            return


def _go_on(runtime: Runtime, claimed: ClaimedImport) -> bool:
    """Take or undo one part of the import. Returns whether more is left for this worker."""
    with church_scope(runtime.database, claimed.church_id) as connection:
        found = imports.get(connection, church_id=claimed.church_id, import_id=claimed.import_id)
        regions = church_limits.regions(
            connection, church_id=claimed.church_id, default_regions=runtime.settings.default_regions
        )
        part = found.next_part if found else 0
        content = imports.read_part(connection, claimed.import_id, part)
    if found is None:
        return False
    if found.status == "undoing":
        return _undo(runtime, claimed)
    rows = _read(found, content, part, regions)
    with church_scope(runtime.database, claimed.church_id) as connection:
        contacts.lock_church(connection, claimed.church_id)
        current = imports.lock_claimed(connection, claimed)
        if current is None or current.status != "running" or current.next_part != part:
            return current is not None
        present = imports.read_part(connection, claimed.import_id, part)
        if present != content:  # a person was erased from it meanwhile
            rows = _read(current, present, part, regions)
        taken = retry_unique_violations(connection, lambda: import_rows.take(connection, current, rows))
        imports.record_part(connection, current.import_id, taken.counts)
        if part + 1 < current.parts:
            return True
        imports.delete_parts(connection, current.import_id)
        ended = imports.get(connection, church_id=current.church_id, import_id=current.import_id)
        assert ended is not None  # noqa: S101 - it is locked
        counts = {name: getattr(ended, name) for name in ("created", "updated", "unchanged", "refused", "erased")}
        audit.record(
            connection,
            actor=_SERVICE,
            action="import.finished",
            subject=str(ended.import_id),
            church_id=ended.church_id,
            details=counts,
        )
    log.info("import finished", church_id=str(claimed.church_id), import_id=str(claimed.import_id), **counts)
    return False


def _read(found: Import, content: bytes | None, part: int, regions: frozenset[str]) -> PartRows:
    rows = imports.unpack_part(content) if content is not None else []
    return import_rows.read_rows(found, rows, part=part, regions=regions)


def _undo(runtime: Runtime, claimed: ClaimedImport) -> bool:
    with church_scope(runtime.database, claimed.church_id) as connection:
        contacts.lock_church(connection, claimed.church_id)
        current = imports.lock_claimed(connection, claimed)
        if current is None or current.status != "undoing":
            return current is not None
        undone = import_rows.undo(connection, current)
        if undone.rows:
            return True
        ended = imports.get(connection, church_id=current.church_id, import_id=current.import_id)
        assert ended is not None  # noqa: S101 - it is locked
        counts = {name: getattr(ended, name) for name in ("removed", "restored", "kept")}
        audit.record(
            connection,
            actor=_SERVICE,
            action="import.undone",
            subject=str(ended.import_id),
            church_id=ended.church_id,
            details=counts,
        )
    log.info("import undone", church_id=str(claimed.church_id), import_id=str(claimed.import_id), **counts)
    return False
