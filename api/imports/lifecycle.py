"""Starts, cancels, undoes and deletes imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.imports.checking import missing
from api.imports.locked_import import lock_import, read_import, wrong_state
from api.imports.responses import ImportView, import_view
from api.imports.target_group import group_to_start_with
from api.problems import FieldError, RequestRefused
from api.services import services
from jobs.job_queue.job_queue import JobQueue
from messaging.contact_fields import MAX_FIELDS
from store import audit, contact_fields, contacts, imports
from store.api_keys import KeyHolder
from store.audit import Actor
from store.contact_fields import TooManyFields
from store.database import Database, church_scope
from store.imports import Import

_PROBLEMS = (problems.NOT_FOUND, problems.WRONG_STATE)


@endpoint(
    "POST /api/imports/<uuid:import_id>/start",
    tag="Imports",
    summary="Start an import",
    authentication=with_key("contacts:write"),
    responses=(ResponseSpec(status=202, description="It runs, or it was started before.", content=ImportView),),
    problems=(*_PROBLEMS, problems.INVALID, problems.TOO_MANY_GROUPS),
)
def start_import(*, caller: KeyHolder, import_id: UUID) -> ApiResponse:
    """Imports the people of the file. A worker does it: `GET /api/imports/{importId}` shows the progress. Repeating the
    request has no effect.

    An opt-out is never lifted by an import. A row that cannot be taken does not affect the others; the report lists it.
    """
    start(
        services().database, services().job_queue, church_id=caller.church_id, import_id=import_id, actor=caller.actor
    )
    return _seen(caller, import_id)


def start(database: Database, job_queue: JobQueue, *, church_id: UUID, import_id: UUID, actor: Actor) -> None:
    """Raises RequestRefused (404, 409, 422)."""
    with church_scope(database, church_id) as connection:
        contacts.lock_church(connection, church_id)
        found = lock_import(connection, church_id=church_id, import_id=import_id)
        if found.status == "pending":
            _check_startable(connection, found)
            group_id = group_to_start_with(connection, found, actor)
            imports.start(connection, church_id=church_id, import_id=import_id, group_id=group_id, actor=actor)
            _record(connection, found, actor, "import.started", {"rows": found.rows})
        elif found.status not in ("running", "finished"):
            raise wrong_state(found, "it cannot be started again")
    job_queue.enqueue_imports()


def _check_startable(connection: Connection[Any], found: Import) -> None:
    errors = [
        FieldError(field="columns", message=f"take no column for the {'name' if each == 'name' else 'phone or email'}")
        for each in missing(found)
    ]
    if errors:
        raise RequestRefused(problems.INVALID, "Every row would be refused.", errors=errors)
    parts_of_name = {column.target for column in found.columns if column.target in ("firstName", "lastName")}
    try:
        contact_fields.add_names(connection, church_id=found.church_id, names={*found.field_names, *parts_of_name})
    except TooManyFields as error:
        message = (
            f"would give the church {error.names} fields of its own, and it may have {MAX_FIELDS}: ignore some of the "
            f"columns"
        )
        raise RequestRefused(
            problems.INVALID, "The church has too many fields.", errors=[FieldError(field="columns", message=message)]
        ) from None


@endpoint(
    "POST /api/imports/<uuid:import_id>/cancel",
    tag="Imports",
    summary="Stop an import",
    authentication=with_key("contacts:write"),
    responses=(ResponseSpec(status=200, description="It is canceled, or was before.", content=ImportView),),
    problems=_PROBLEMS,
)
def cancel_import(*, caller: KeyHolder, import_id: UUID) -> ApiResponse:
    """Takes no further row of a running import. What was taken stays, and can be undone."""

    def cancel(connection: Connection[Any], found: Import) -> None:
        if imports.cancel(connection, church_id=found.church_id, import_id=import_id):
            _record(connection, found, caller.actor, "import.canceled")
        elif found.status != "canceled":
            raise wrong_state(found, "only a running one can be canceled")

    return _changed(caller, import_id, cancel)


@endpoint(
    "POST /api/imports/<uuid:import_id>/undo",
    tag="Imports",
    summary="Undo an import",
    authentication=with_key("contacts:write"),
    responses=(ResponseSpec(status=202, description="It is being undone, or was before.", content=ImportView),),
    problems=_PROBLEMS,
)
def undo_import(*, caller: KeyHolder, import_id: UUID) -> ApiResponse:
    """Deletes the contacts that the import added, restores those that it changed, and takes people out of the group to
    which it added them. A contact that was changed since stays as it is: `undone.kept` counts those, and the report
    lists them. Opt-outs that the file stated stay. Possible until 30 days after the import finished; repeating the
    request has no effect."""

    def undo(connection: Connection[Any], found: Import) -> None:
        if imports.begin_undoing(connection, church_id=found.church_id, import_id=import_id):
            _record(connection, found, caller.actor, "import.undo_started")
        elif found.expired_at is not None:
            raise wrong_state(found, "it ended more than 30 days ago and can no longer be undone")
        elif found.status not in ("undoing", "undone"):
            raise wrong_state(found, "only one that has finished or was canceled can be undone")

    response = _changed(caller, import_id, undo, status=202)
    services().job_queue.enqueue_imports()
    return response if services().settings.enable_queues else _seen(caller, import_id)


@endpoint(
    "DELETE /api/imports/<uuid:import_id>",
    tag="Imports",
    summary="Delete an import that is not started",
    authentication=with_key("contacts:write"),
    responses=(ResponseSpec(status=204, description="It is deleted with its file."),),
    problems=_PROBLEMS,
)
def delete_import(*, caller: KeyHolder, import_id: UUID) -> ApiResponse:
    """Deletes the file of an import that was not started."""
    with church_scope(services().database, caller.church_id) as connection:
        found = lock_import(connection, church_id=caller.church_id, import_id=import_id)
        if not imports.delete(connection, church_id=caller.church_id, import_id=import_id):
            raise wrong_state(found, "only one that is not started can be deleted")
        _record(connection, found, caller.actor, "import.deleted")
    return ApiResponse(status=204)


def _changed(
    caller: KeyHolder, import_id: UUID, change: Callable[[Connection[Any], Import], None], *, status: int = 200
) -> ApiResponse:
    with church_scope(services().database, caller.church_id) as connection:
        change(connection, lock_import(connection, church_id=caller.church_id, import_id=import_id))
        found = read_import(connection, church_id=caller.church_id, import_id=import_id)
    return ApiResponse(status=status, content=import_view(found))


def _seen(caller: KeyHolder, import_id: UUID) -> ApiResponse:
    with church_scope(services().database, caller.church_id) as connection:
        found = read_import(connection, church_id=caller.church_id, import_id=import_id)
    return ApiResponse(status=202, content=import_view(found))


def _record(
    connection: Connection[Any], found: Import, actor: Actor, action: str, details: dict[str, Any] | None = None
) -> None:
    audit.record(
        connection,
        actor=actor,
        action=action,
        subject=str(found.import_id),
        church_id=found.church_id,
        details=details,
    )
