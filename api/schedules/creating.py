"""POST /api/schedules."""

from __future__ import annotations

from api import problems
from api.authentication import with_key
from api.endpoints import ApiResponse, Header, ResponseSpec, endpoint
from api.idempotency import IDEMPOTENCY_KEY, RESPONSE_HEADERS, idempotency_headers, idempotency_key
from api.messages.daily_usage import refuse_runs_beyond
from api.messages.merging import stored_merge_fields
from api.messages.sending_checks import check_sendable, reference_errors
from api.messages.wait_reasons import notices
from api.problems import RequestRefused
from api.request_digest import request_digest
from api.schedules import responses, schedule_limit
from api.schedules.definition import define_schedule
from api.schedules.locked_schedule import record_change
from api.schedules.new_schedule import NewSchedule
from api.services import services
from store import schedules, suspensions
from store.api_keys import KeyHolder
from store.database import church_scope

_LOCATION = Header(
    name="Location", description="The path of the schedule.", schema={"type": "string", "format": "uri-reference"}
)
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
            headers=(_LOCATION, *RESPONSE_HEADERS),
        ),
    ),
    problems=(
        problems.CHURCH_SUSPENDED,
        problems.KEY_REUSED,
        problems.TOO_MANY_SCHEDULES,
        problems.DAILY_LIMIT,
        problems.MONTHLY_QUOTA,
        problems.TOO_MANY_CHECKS,
    ),
)
def create_schedule(*, caller: KeyHolder, body: NewSchedule) -> ApiResponse:
    """Sends the same message repeatedly, each time to everyone who is in the target at that time. The rule follows the
    local time of the schedule's time zone: nine o'clock stays nine o'clock when clocks change. If clocks go forward
    past the time of a run, the run is later by as much as the clocks moved. If clocks go back and the time occurs
    twice, the run takes place the first time."""
    key = idempotency_key()
    if body.church_id != caller.church_id:
        raise RequestRefused(problems.FORBIDDEN, "churchId is not the church of the key.")
    errors = reference_errors(body)  # asks other servers, so no transaction is open
    with church_scope(services().database, caller.church_id) as connection:
        definition, first_run = define_schedule(connection, church_id=caller.church_id, schedule=body)
        with schedule_limit.enforced(connection, caller.church_id):
            schedule, is_new = schedules.insert(
                connection,
                definition,
                church_id=caller.church_id,
                next_run=first_run,
                idempotency_key=key,
                request_hash=request_digest(body),
                merge_fields=stored_merge_fields(body),
            )
        if is_new:
            suspensions.refuse_suspended(connection, caller.church_id)
            check_sendable(connection, church_id=caller.church_id, draft=body, target=definition.target, errors=errors)
            refuse_runs_beyond(connection, church_id=caller.church_id, definition=definition)
            record_change(connection, caller, "schedule.created", schedule.schedule_id, channel=body.channel)
        warnings = notices(
            connection,
            church_id=caller.church_id,
            channel=body.channel,
            target_type=body.target_type,
            target=definition.target,
        )
    if schedule.request_hash != request_digest(body):
        raise RequestRefused(problems.KEY_REUSED, "This Idempotency-Key was already used for another schedule.")
    view = responses.created(schedule, warnings)
    headers = {"Location": view.links.self, **idempotency_headers(is_new=is_new)}
    return ApiResponse(status=201, content=view, headers=headers)
