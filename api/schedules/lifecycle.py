"""POST /api/schedules/{id}/pause, resume and run-now."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.idempotency import IDEMPOTENCY_KEY, RESPONSE_HEADERS, idempotency_headers, idempotency_key
from api.messages.daily_usage import need_of
from api.messages.responses import AcceptedMessage, accepted
from api.messages.sending_checks import unavailable
from api.messages.wait_reasons import notices
from api.problems import FieldError, RequestRefused
from api.request_ids import request_id
from api.schedules import responses, schedule_limit
from api.schedules.locked_schedule import locked_schedule, record_change, schedule_response
from api.services import services
from channels.registry import link_rules
from messaging.recurrence.rule import InvalidRecurrence
from messaging.wall_time import UnknownZone
from store import merge_fields, messages, run_links, schedule_runs, schedules
from store.api_keys import KeyHolder
from store.daily_limits import Need
from store.messages import NewMessage, NoSender
from store.schedules import Schedule

_CURRENT = (ResponseSpec(status=200, description="The schedule after the change.", content=responses.DetailedSchedule),)


class SchedulePause(RequestModel):
    """The pause of a schedule."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), STORABLE] = Field(
        default="paused by the church", description="Why the schedule is paused. It is returned as `pausedReason`."
    )


@endpoint(
    "POST /api/schedules/<uuid:schedule_id>/pause",
    tag="Schedules",
    summary="Pause a schedule",
    authentication=with_key("messages:write"),
    body=SchedulePause,
    example={"reason": "summer break"},
    responses=_CURRENT,
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def pause_schedule(*, caller: KeyHolder, schedule_id: UUID, body: SchedulePause) -> ApiResponse:
    """Creates no messages until the schedule is resumed. Runs in the meantime are listed as skipped. Repeating the
    request has no effect."""
    with locked_schedule(caller, schedule_id) as (connection, schedule):
        if schedule.status == "ended":
            raise RequestRefused(problems.WRONG_STATE, "There is nothing to pause: the schedule has ended.")
        if schedule.paused_at is None:
            schedules.pause(connection, church_id=caller.church_id, schedule_id=schedule_id, reason=body.reason)
            record_change(connection, caller, "schedule.paused", schedule_id)
        return schedule_response(connection, caller, schedule_id)


@endpoint(
    "POST /api/schedules/<uuid:schedule_id>/resume",
    tag="Schedules",
    summary="Resume a paused schedule",
    authentication=with_key("messages:write"),
    responses=_CURRENT,
    problems=(problems.NOT_FOUND, problems.WRONG_STATE, problems.TOO_MANY_SCHEDULES),
)
def resume_schedule(*, caller: KeyHolder, schedule_id: UUID) -> ApiResponse:
    """Continues with the next run. Runs that were skipped are not caught up. Repeating the request has no effect."""
    with locked_schedule(caller, schedule_id) as (connection, schedule):
        if schedule.paused_at is not None:
            try:
                next_run = schedule.recurrence().next_run(schedule_runs.read_clock(connection))
            except InvalidRecurrence as error:
                raise _cannot_be_evaluated(f"the rule {error}") from None
            except UnknownZone as error:
                raise _cannot_be_evaluated(f"the time zone {error}") from None
            with schedule_limit.enforced_on_change(connection, schedule, next_run=next_run):
                schedules.resume(connection, schedule, next_run=next_run)
            record_change(connection, caller, "schedule.resumed", schedule_id)
        return schedule_response(connection, caller, schedule_id)


@endpoint(
    "POST /api/schedules/<uuid:schedule_id>/run-now",
    tag="Schedules",
    summary="Send a schedule's message now",
    authentication=with_key("messages:write"),
    headers=(IDEMPOTENCY_KEY,),
    responses=(
        ResponseSpec(
            status=202,
            description="Accepted: the message is stored and will be sent.",
            content=AcceptedMessage,
            headers=RESPONSE_HEADERS,
        ),
    ),
    problems=(
        problems.CHURCH_SUSPENDED,
        problems.NOT_FOUND,
        problems.KEY_REUSED,
        problems.WRONG_STATE,
        problems.INVALID,
        problems.DAILY_LIMIT,
        problems.MONTHLY_QUOTA,
    ),
)
def run_schedule_now(*, caller: KeyHolder, schedule_id: UUID) -> ApiResponse:
    """Sends the message once, in addition to the runs of the schedule. This is also possible while the schedule is
    paused, and after it has ended."""
    key = idempotency_key()
    with locked_schedule(caller, schedule_id) as (connection, schedule):
        need = need_of(
            connection,
            church_id=caller.church_id,
            channel=schedule.channel,
            segments=schedule.segments,
            target_type=schedule.target_type,
            target=schedule.target,
            send_at=None,
        )
        new = _message_of(schedule, caller, key, need)
        if reason := unavailable(schedule.channel):
            raise _refused("channel", reason)
        removed = merge_fields.list_removed_fields(connection, church_id=caller.church_id, schedule_id=schedule_id)
        if removed:
            raise _refused("content", f"has merge fields that contacts do not have any more: {', '.join(removed)}")
        try:
            message, is_new = messages.insert(connection, new)
        except NoSender:
            raise _refused("channel", "has no sender in this church any more: ask the operator to set one") from None
        if message.schedule_id != schedule_id or message.request_hash != new.request_hash:
            raise RequestRefused(problems.KEY_REUSED, "This Idempotency-Key was already used for another message.")
        warnings = notices(
            connection,
            church_id=new.church_id,
            channel=new.channel,
            target_type=new.target_type,
            target=new.target,
            need=need,
            is_new=is_new,
        )
        if is_new:
            schedule_runs.record_manual_run(
                connection, church_id=caller.church_id, schedule_id=schedule_id, message_id=message.message_id
            )
            run_links.shorten(connection, link_rules(services().settings), message_ids=[message.message_id])
            record_change(connection, caller, "schedule.run", schedule_id, messageId=str(message.message_id))
    if is_new:
        services().job_queue.enqueue_expansion(channel=message.channel)
    view = accepted(message, warnings)
    headers = {"Location": view.links.self, **idempotency_headers(is_new=is_new)}
    return ApiResponse(status=202, content=view, headers=headers)


def _cannot_be_evaluated(reason: str) -> RequestRefused:
    return RequestRefused(
        problems.WRONG_STATE, f"The schedule cannot be evaluated: {reason}. Change it, then resume it."
    )


def _refused(field: str, reason: str) -> RequestRefused:
    error = FieldError(field=field, message=reason)
    return RequestRefused(problems.WRONG_STATE, "The message cannot be sent.", errors=[error])


def _message_of(schedule: Schedule, caller: KeyHolder, key: str | None, need: Need | None) -> NewMessage:
    return NewMessage(
        church_id=schedule.church_id,
        channel=schedule.channel,
        content=schedule.content,
        details=schedule.details,
        segments=schedule.segments,
        target_type=schedule.target_type,
        target=schedule.target,
        idempotency_key=key,
        request_hash=schedule.schedule_id.bytes,
        request_id=request_id(),
        send_at=None,
        urgent_reason=schedule.urgent_reason,
        schedule_id=schedule.schedule_id,
        shorten_links=schedule.shorten_links,
        accepted_by=caller.actor,
        need=need,
    )
