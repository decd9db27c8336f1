"""GET /api/schedules, /api/schedules/{id} and /api/schedules/{id}/runs."""

from __future__ import annotations

from uuid import UUID

from api import problems, query_parameters
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import RequestRefused
from api.query_parameters import PageQuery
from api.schedules import responses
from api.services import services
from store import schedule_runs, schedules
from store.api_keys import KeyHolder
from store.database import church_scope


@endpoint(
    "GET /api/schedules",
    tag="Schedules",
    summary="List schedules",
    authentication=with_key("messages:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=responses.SchedulePage),),
)
def list_schedules(*, caller: KeyHolder, query: PageQuery) -> ApiResponse:
    """Lists the church's schedules, newest first. Pass `next` as `cursor` to get the following page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = schedules.page(connection, church_id=caller.church_id, before=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    page = responses.SchedulePage(
        items=[responses.brief(schedule) for schedule in shown],
        next=query_parameters.write_cursor(shown[-1].schedule_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


@endpoint(
    "GET /api/schedules/<uuid:schedule_id>",
    tag="Schedules",
    summary="Show a schedule and its next runs",
    authentication=with_key("messages:read"),
    responses=(ResponseSpec(status=200, description="The schedule.", content=responses.DetailedSchedule),),
    problems=(problems.NOT_FOUND,),
)
def get_schedule(*, caller: KeyHolder, schedule_id: UUID) -> ApiResponse:
    """Shows the schedule, its target, and its next five runs, in UTC and in its time zone."""
    with church_scope(services().database, caller.church_id) as connection:
        schedule = schedules.get(connection, church_id=caller.church_id, schedule_id=schedule_id)
    if schedule is None:
        raise RequestRefused(problems.NOT_FOUND, "There is no such schedule.")
    return ApiResponse(status=200, content=responses.detailed(schedule))


@endpoint(
    "GET /api/schedules/<uuid:schedule_id>/runs",
    tag="Schedules",
    summary="List a schedule's past runs",
    authentication=with_key("messages:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=responses.RunPage),),
    problems=(problems.NOT_FOUND,),
)
def list_schedule_runs(*, caller: KeyHolder, schedule_id: UUID, query: PageQuery) -> ApiResponse:
    """Lists every run up to now, newest first. A run was `sent`, with its message; `missed`, because the service was
    down; or `skipped`, because the schedule was paused or the church had no sender."""
    with church_scope(services().database, caller.church_id) as connection:
        if schedules.get(connection, church_id=caller.church_id, schedule_id=schedule_id) is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such schedule.")
        found = schedule_runs.page(
            connection,
            church_id=caller.church_id,
            schedule_id=schedule_id,
            before=query.cursor,
            limit=query.limit + 1,
        )
    shown = found[: query.limit]
    page = responses.RunPage(
        items=[responses.run(recorded) for recorded in shown],
        next=query_parameters.write_cursor(shown[-1].run_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)
