"""PATCH and DELETE /api/schedules/{id}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from api import problems
from api.authentication import with_key
from api.base_models import RequestModel, WallTime
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.messages.daily_usage import refuse_runs_beyond
from api.messages.draft_edit import DraftEdit, apply_edit, describe_without_defaults
from api.messages.merging import stored_merge_fields
from api.messages.sending_checks import check_sendable, edited_reference_errors
from api.schedules import responses, schedule_limit
from api.schedules.definition import define_schedule
from api.schedules.locked_schedule import locked_schedule, record_change, schedule_response
from api.schedules.new_schedule import MissedPolicy, NewSchedule, Recurrence, WithinMinutes
from api.services import services
from api.templates.filling import edit_with_template
from store import schedules
from store.api_keys import KeyHolder
from store.database import church_scope
from store.schedules import Schedule


class MissedRunsEdit(RequestModel):
    """The fields of `missedRuns` to change. Absent fields stay as they are."""

    model_config = ConfigDict(json_schema_extra=describe_without_defaults)

    policy: MissedPolicy = "runOnce"
    within_minutes: WithinMinutes = 60


class ScheduleEdit(DraftEdit):
    """The fields of a schedule to change. Absent fields stay as they are."""

    recurrence: Recurrence | None = Field(default=None, description="The new rule. It replaces the old one as a whole.")
    time_zone: str | None = Field(
        default=None, description="A time zone such as America/New_York; null for the church's time zone."
    )
    starts_at: WallTime | None = Field(default=None, description="The local time at which the schedule starts.")
    ends_at: WallTime | None = Field(
        default=None, description="The local time after which it no longer runs; null if it does not end."
    )
    missed_runs: MissedRunsEdit = Field(default=MissedRunsEdit())

    def applied_to(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request body with the changed fields. Absent fields of `missedRuns` stay as they are."""
        applied = super().applied_to(body)
        return {**applied, "missedRuns": {**body["missedRuns"], **applied["missedRuns"]}}


@endpoint(
    "PATCH /api/schedules/<uuid:schedule_id>",
    tag="Schedules",
    summary="Change a schedule",
    authentication=with_key("messages:write"),
    body=ScheduleEdit,
    example={"recurrence": {"cron": "30 9 * * SUN"}},
    responses=(ResponseSpec(status=200, description="The changed schedule.", content=responses.DetailedSchedule),),
    problems=(
        problems.NOT_FOUND,
        problems.TOO_MANY_SCHEDULES,
        problems.DAILY_LIMIT,
        problems.MONTHLY_QUOTA,
        problems.TOO_MANY_CHECKS,
    ),
)
def change_schedule(*, caller: KeyHolder, schedule_id: UUID, body: ScheduleEdit) -> ApiResponse:
    """Changes the content, the target or the rule from the next run on. The messages of earlier runs do not change."""
    with church_scope(services().database, caller.church_id) as connection:
        found = schedules.get(connection, church_id=caller.church_id, schedule_id=schedule_id)
    edit, errors = edit_with_template(body, church_id=caller.church_id, channel=found and found.channel)
    # This asks other servers, so no transaction is open.
    errors = errors or edited_reference_errors(edit, church_id=caller.church_id)
    with locked_schedule(caller, schedule_id) as (connection, schedule):
        edited = apply_edit(NewSchedule, _as_request_body(caller, schedule), edit)
        definition, next_run = define_schedule(connection, church_id=caller.church_id, schedule=edited)
        check_sendable(connection, church_id=caller.church_id, draft=edited, target=definition.target, errors=errors)
        refuse_runs_beyond(connection, church_id=caller.church_id, definition=definition)
        with schedule_limit.enforced_on_change(connection, schedule, next_run=next_run):
            schedules.change(
                connection, schedule, definition, next_run=next_run, merge_fields=stored_merge_fields(edited)
            )
        record_change(connection, caller, "schedule.changed", schedule_id, fields=body.changed_fields)
        return schedule_response(connection, caller, schedule_id)


@endpoint(
    "DELETE /api/schedules/<uuid:schedule_id>",
    tag="Schedules",
    summary="Delete a schedule",
    authentication=with_key("messages:write"),
    responses=(ResponseSpec(status=204, description="The schedule is deleted."),),
    problems=(problems.NOT_FOUND,),
)
def delete_schedule(*, caller: KeyHolder, schedule_id: UUID) -> ApiResponse:
    """Ends the schedule for good. The messages of earlier runs stay; one that is not completely sent yet can be
    canceled."""
    with locked_schedule(caller, schedule_id) as (connection, _):
        schedules.delete(connection, church_id=caller.church_id, schedule_id=schedule_id)
        record_change(connection, caller, "schedule.deleted", schedule_id)
    return ApiResponse(status=204)


def _as_request_body(caller: KeyHolder, schedule: Schedule) -> dict[str, object]:
    """Return the request body that would create this schedule."""
    return {
        "churchId": str(caller.church_id),
        **schedule.details,
        "channel": schedule.channel,
        "content": schedule.content,
        "targetType": schedule.target_type,
        "contactIds": schedule.target.get("contactIds"),
        "phoneNumbers": schedule.target.get("phoneNumbers"),
        "emailAddresses": schedule.target.get("emailAddresses"),
        "groupIds": schedule.target.get("groupIds"),
        "excludeGroupIds": schedule.target.get("excludeGroupIds"),
        "urgent": {"reason": schedule.urgent_reason} if schedule.urgent_reason else None,
        "shortenLinks": schedule.shorten_links,
        "recurrence": {schedule.rule_kind: schedule.rule},
        "timeZone": schedule.time_zone,
        "startsAt": schedule.starts_at.isoformat(),
        "endsAt": schedule.ends_at.isoformat() if schedule.ends_at else None,
        "missedRuns": {
            "policy": schedule.missed_policy,
            "withinMinutes": schedule.missed_within_seconds // 60,
        },
    }
