"""POST /api/schedules/{id}/pause, resume and run-now: what people say of a schedule."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field, StringConstraints

from api import problems
from api.authentication import with_key
from api.endpoints import Answer, Promise, endpoint
from api.idempotency import ANSWERED, IDEMPOTENCY_KEY, idempotency_headers, idempotency_key
from api.messages.sendable import unavailable
from api.messages.views import AcceptedMessage, accepted
from api.problems import FieldError, Refusal
from api.schedules import views
from api.services import services
from api.shapes import STORABLE, Given
from api.traces import request_id
from messaging.recurrence.rule import InvalidRecurrence
from messaging.wall_time import UnknownZone
from store import messages, schedule_runs, schedules
from store.churches import KeyHolder
from store.database import church_scope
from store.messages import NewMessage, NoSender
from store.schedules import Schedule

_STANDS = (Promise(status=200, description="The schedule as it now stands.", content=views.DetailedSchedule),)


class SchedulePause(Given):
    """Why it rests."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), STORABLE] = Field(
        default="paused by the church", description="Shown with the schedule."
    )


@contextmanager
def held(caller: KeyHolder, schedule_id: UUID) -> Generator[tuple[Connection[Any], Schedule]]:
    """The church's schedule, while nobody else says or makes anything of it. Raises Refusal (404).

    What came due before is recorded first, by the terms of before.
    """
    with church_scope(services().database, caller.church_id) as connection:
        schedule = schedules.lock(connection, church_id=caller.church_id, schedule_id=schedule_id)
        if schedule is None:
            raise Refusal(problems.NOT_FOUND, "There is no such schedule.")
        with suppress(InvalidRecurrence, UnknownZone):  # the clock finds out, and says so in the schedule
            schedule = schedule_runs.catch_up(connection, schedule, now=schedule_runs.read_clock(connection))
        yield connection, schedule


def stands(connection: Connection[Any], caller: KeyHolder, schedule_id: UUID) -> Answer:
    """The schedule, told after it was changed."""
    schedule = schedules.get(connection, church_id=caller.church_id, schedule_id=schedule_id)
    assert schedule is not None  # noqa: S101 - it is locked
    return Answer(status=200, content=views.detailed(schedule))


@endpoint(
    "POST /api/schedules/<uuid:schedule_id>/pause",
    tag="Schedules",
    summary="Pause a schedule",
    authentication=with_key("messages:write"),
    body=SchedulePause,
    example={"reason": "summer break"},
    promises=_STANDS,
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def pause_schedule(*, caller: KeyHolder, schedule_id: UUID, body: SchedulePause) -> Answer:
    """Makes no messages of it until it is resumed: its runs are skipped, and listed so. Repeating changes nothing."""
    with held(caller, schedule_id) as (connection, schedule):
        if schedule.status == "ended":
            raise Refusal(problems.WRONG_STATE, "There is nothing to pause: the schedule has ended.")
        schedules.pause(connection, church_id=caller.church_id, schedule_id=schedule_id, reason=body.reason)
        return stands(connection, caller, schedule_id)


@endpoint(
    "POST /api/schedules/<uuid:schedule_id>/resume",
    tag="Schedules",
    summary="Resume a paused schedule",
    authentication=with_key("messages:write"),
    promises=_STANDS,
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def resume_schedule(*, caller: KeyHolder, schedule_id: UUID) -> Answer:
    """Goes on with the next run; what was skipped is not made up for. Repeating changes nothing."""
    with held(caller, schedule_id) as (connection, schedule):
        if schedule.paused_at is not None:
            try:
                next_run = schedule.recurrence().next_run(schedule_runs.read_clock(connection))
            except (InvalidRecurrence, UnknownZone) as error:
                raise Refusal(problems.WRONG_STATE, f"It cannot be followed: the rule {error}.") from None
            schedules.resume(connection, schedule, next_run=next_run)
        return stands(connection, caller, schedule_id)


@endpoint(
    "POST /api/schedules/<uuid:schedule_id>/run-now",
    tag="Schedules",
    summary="Send a schedule's message now",
    authentication=with_key("messages:write"),
    headers=(IDEMPOTENCY_KEY,),
    promises=(Promise(status=202, description="Accepted as a message.", content=AcceptedMessage, headers=ANSWERED),),
    problems=(problems.NOT_FOUND, problems.KEY_REUSED, problems.WRONG_STATE, problems.INVALID),
)
def run_schedule_now(*, caller: KeyHolder, schedule_id: UUID) -> Answer:
    """Sends it once more, beside its own runs, which stay as they are. Also while it is paused or has ended."""
    key = idempotency_key()
    with held(caller, schedule_id) as (connection, schedule):
        new = _message_of(schedule, key)
        if reason := unavailable(schedule.channel):
            raise _unsendable(reason)
        try:
            message, is_new = messages.insert(connection, new)
        except NoSender:
            raise _unsendable("has no sender in this church any more") from None
        if message.schedule_id != schedule_id or message.request_hash != new.request_hash:
            raise Refusal(problems.KEY_REUSED, "This Idempotency-Key already belongs to another message.")
        if is_new:
            schedule_runs.record_by_hand(
                connection, church_id=caller.church_id, schedule_id=schedule_id, message_id=message.message_id
            )
    if is_new:
        services().doorbell.ring_expansion(channel=message.channel)
    view = accepted(message)
    headers = {"Location": view.links.self, **idempotency_headers(is_new=is_new)}
    return Answer(status=202, content=view, headers=headers)


def _unsendable(reason: str) -> Refusal:
    error = FieldError(field="channel", message=reason)
    return Refusal(problems.WRONG_STATE, "The message cannot be sent as it is.", errors=[error])


def _message_of(schedule: Schedule, key: str | None) -> NewMessage:
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
    )
