"""POST /api/schedules."""

from __future__ import annotations

from api import problems
from api.authentication import with_key
from api.endpoints import ApiResponse, Header, ResponseSpec, endpoint
from api.idempotency import ANSWERED, IDEMPOTENCY_KEY, idempotency_headers, idempotency_key
from api.messages.daily_usage import refuse_runs_beyond
from api.messages.sending_checks import check_sendable, reference_errors
from api.messages.wait_reasons import notices
from api.problems import RequestRefused
from api.request_digest import request_digest
from api.schedules import responses, schedule_limit
from api.schedules.definition import define_schedule
from api.schedules.new_schedule import NewSchedule
from api.services import services
from store import schedules
from store.churches import KeyHolder
from store.database import church_scope

_LOCATION = Header(name="Location", description="The schedule.", schema={"type": "string", "format": "uri-reference"})
_EXAMPLE = {
    "churchId": "0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11",
    "content": "Good morning! Service begins at 10:30.",
    "targetType": "all",
    "recurrence": {"rrule": "FREQ=WEEKLY;BYDAY=SU"},
    "timeZone": "America/New_York",
    "startsAt": "2027-01-03T09:00:00",
}


@endpoint(
    "POST /api/schedules",
    tag="Schedules",
    summary="Create a schedule",
    authentication=with_key("messages:write"),
    body=NewSchedule,
    headers=(IDEMPOTENCY_KEY,),
    example=_EXAMPLE,
    responses=(
        ResponseSpec(
            status=201,
            description="The schedule is created.",
            content=responses.CreatedSchedule,
            headers=(_LOCATION, *ANSWERED),
        ),
    ),
    problems=(problems.KEY_REUSED, problems.TOO_MANY_SCHEDULES, problems.DAILY_LIMIT, problems.TOO_MANY_CHECKS),
)
def create_schedule(*, caller: KeyHolder, body: NewSchedule) -> ApiResponse:
    """Sends the same message repeatedly, each time to everyone who is in the target at that time. The rule follows the
    local time of its time zone: nine o'clock stays nine o'clock when clocks change. A local time that is skipped when
    clocks go forward runs once, later by as much as they skip; one that occurs twice when clocks go back runs the first
    time.
    """
    key = idempotency_key()
    if body.church_id != caller.church_id:
        raise RequestRefused(problems.FORBIDDEN, "The key belongs to another church than churchId.")
    complaints = reference_errors(body)
    with church_scope(services().database, caller.church_id) as connection:
        terms, first = define_schedule(connection, church_id=caller.church_id, plan=body)
        with schedule_limit.enforced(connection, caller.church_id):
            schedule, is_new = schedules.insert(
                connection,
                terms,
                church_id=caller.church_id,
                next_run=first,
                idempotency_key=key,
                request_hash=request_digest(body),
            )
        if is_new:
            check_sendable(
                connection, church_id=caller.church_id, draft=body, target=terms.target, complaints=complaints
            )
            refuse_runs_beyond(connection, church_id=caller.church_id, terms=terms)
        warnings = notices(
            connection,
            church_id=caller.church_id,
            channel=body.channel,
            target_type=body.target_type,
            target=terms.target,
        )
    if schedule.request_hash != request_digest(body):
        raise RequestRefused(problems.KEY_REUSED, "This Idempotency-Key already belongs to another schedule.")
    view = responses.made(schedule, warnings)
    headers = {"Location": view.links.self, **idempotency_headers(is_new=is_new)}
    return ApiResponse(status=201, content=view, headers=headers)
