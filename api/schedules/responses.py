"""The response models of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from api.messages.composition import TargetType
from api.messages.wait_reasons import Notice
from messaging.recurrence.rule import InvalidRecurrence
from messaging.recurrence.runs import ScheduledRun
from messaging.wall_time import UnknownZone, find_zone
from store.schedule_runs import RecordedRun
from store.schedules import Schedule, ScheduleStatus

RUNS_SHOWN = 5


class RecurrenceView(ResponseModel):
    """When the schedule runs. Exactly one of the two fields is not null."""

    rrule: str | None = Field(description="An RRULE (RFC 5545), such as `FREQ=WEEKLY;BYDAY=SU`.")
    cron: str | None = Field(description="A cron expression, such as `0 9 * * SUN`.")


class MissedRunsView(ResponseModel):
    """What happens to runs that were due while the service was down."""

    policy: Literal["runOnce", "skip"] = Field(
        description='"runOnce": one run takes place instead of all missed ones. "skip": missed runs do not take place.'
    )
    within_minutes: int = Field(description="How many minutes after its time a missed run may still take place.")


class ScheduleLinks(ResponseModel):
    """Links to related resources."""

    self: str = Field(description="The path of the schedule.")
    runs: str = Field(description="The path of the list of its past runs.")


class ScheduleView(ResponseModel):
    """A schedule without its target."""

    id: UUID
    status: ScheduleStatus = Field(
        description="`active`: it creates messages. `paused`: it creates none until resumed. `ended`: no run is left."
    )
    paused_reason: str | None = Field(
        description=(
            "Why it is paused. A schedule whose runs cannot be computed is paused automatically; then this says what "
            "to change."
        )
    )
    delayed_until: Timestamp | None = Field(
        description="When the service tries again to compute a due run, if it failed to; otherwise null."
    )
    delay_reason: str | None = Field(description="Why that run could not be computed; otherwise null.")
    channel: str
    content: str
    details: dict[str, Any] = Field(description="The channel's own fields, such as the `subject` of an e-mail.")
    segments: int = Field(
        description=(
            "The number of segments of one delivery: the SMS segments of a text; 1 for a picture message or an e-mail."
        )
    )
    target_type: TargetType
    urgent_reason: str | None = Field(description="Why its messages are sent in quiet hours too; null if they are not.")
    shorten_links: bool | None = Field(
        description="Whether the links of its messages are replaced by short ones; null: as the church does by default."
    )
    recurrence: RecurrenceView
    time_zone: str
    starts_at: str = Field(description="When the schedule starts: a local time in its time zone.")
    ends_at: str | None = Field(
        description="When the schedule ends: a local time in its time zone; null if it does not end."
    )
    missed_runs: MissedRunsView
    next_run_at: Timestamp | None = Field(
        description="When it runs next, or would run next if it were not paused; null if it has ended."
    )
    created_at: Timestamp
    updated_at: Timestamp
    links: ScheduleLinks


class UpcomingRun(ResponseModel):
    """A future run."""

    at: Timestamp = Field(description="When it runs, in UTC.")
    local_time: str = Field(description="The same time in the schedule's time zone, with its UTC offset.")
    rule_time: str = Field(
        description="The local time that the rule gives. It differs from `localTime` only if clocks skip that time."
    )


class DetailedSchedule(ScheduleView):
    """A schedule with its target and its next runs."""

    contact_ids: list[str] | None = Field(description='The target, when `targetType` is "contacts".')
    phone_numbers: list[str] | None = Field(description='The target, when `targetType` is "numbers", in E.164.')
    email_addresses: list[str] | None = Field(description='The target, when `targetType` is "addresses".')
    group_ids: list[str] | None = Field(description='The target, when `targetType` is "groups".')
    exclude_group_ids: list[str] | None = Field(description="The groups whose members get nothing, if any.")
    next_runs: list[UpcomingRun] = Field(description="The next five runs, if they are within twenty years.")


class CreatedSchedule(DetailedSchedule):
    """A schedule that was just created."""

    warnings: list[Notice] = Field(
        description=(
            "What you should know although the schedule is created: the sender is paused (`sender-paused`), or the "
            "message has no recipients at present (`no-recipients`)."
        )
    )


class SchedulePage(ResponseModel):
    """Schedules, newest first."""

    items: list[ScheduleView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


class RunView(ResponseModel):
    """A past run."""

    run_at: Timestamp = Field(description="When the run was due, or was started with `run-now`.")
    rule_time: str | None = Field(
        description="The local time that the rule gives; null if a person started the run (`run-now`)."
    )
    outcome: Literal["sent", "missed", "skipped"] = Field(
        description=(
            "`sent`: the run created a message. `missed`: the service was down. `skipped`: the schedule was paused, or "
            "the church had no sender."
        )
    )
    reason: str | None = Field(description="Why it was missed or skipped; otherwise null.")
    message_id: UUID | None = Field(description="The message that it created, if any.")
    recorded_at: Timestamp = Field(description="When the outcome was recorded.")


class RunPage(ResponseModel):
    """Runs, newest first."""

    items: list[RunView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


def brief(schedule: Schedule) -> ScheduleView:
    return ScheduleView.model_validate(_fields(schedule))


def detailed(schedule: Schedule, *, now: datetime | None = None) -> DetailedSchedule:
    return DetailedSchedule.model_validate(_details(schedule, now=now))


def created(schedule: Schedule, warnings: Sequence[Notice]) -> CreatedSchedule:
    return CreatedSchedule.model_validate(_details(schedule) | {"warnings": list(warnings)})


def _details(schedule: Schedule, *, now: datetime | None = None) -> dict[str, object]:
    return _fields(schedule) | {
        "contact_ids": schedule.target.get("contactIds"),
        "phone_numbers": schedule.target.get("phoneNumbers"),
        "email_addresses": schedule.target.get("emailAddresses"),
        "group_ids": schedule.target.get("groupIds"),
        "exclude_group_ids": schedule.target.get("excludeGroupIds"),
        "next_runs": [_upcoming_run(run, schedule) for run in _next_runs(schedule, now or datetime.now(UTC))],
    }


def run(recorded: RecordedRun) -> RunView:
    return RunView(
        run_at=recorded.run_at,
        rule_time=_wall(recorded.wall_time),
        outcome=recorded.outcome,
        reason=recorded.reason,
        message_id=recorded.message_id,
        recorded_at=recorded.recorded_at,
    )


def _next_runs(schedule: Schedule, now: datetime) -> list[ScheduledRun]:
    found: list[ScheduledRun] = []
    # If the schedule cannot be evaluated, paused_reason says why; show the runs that were found until then.
    with suppress(InvalidRecurrence, UnknownZone):
        found.extend(islice(schedule.recurrence().runs_after(now), RUNS_SHOWN))
    return found


def _upcoming_run(run: ScheduledRun, schedule: Schedule) -> UpcomingRun:
    local = run.at.astimezone(find_zone(schedule.time_zone))
    return UpcomingRun(at=run.at, local_time=local.isoformat(), rule_time=run.wall.isoformat())


def _wall(wall: datetime | None) -> str | None:
    return wall.isoformat() if wall else None


def _fields(schedule: Schedule) -> dict[str, object]:
    address = f"/api/schedules/{schedule.schedule_id}"
    return {
        "id": schedule.schedule_id,
        "status": schedule.status,
        "paused_reason": schedule.paused_reason,
        "delayed_until": schedule.delayed_until,
        "delay_reason": schedule.delay_reason,
        "channel": schedule.channel,
        "content": schedule.content,
        "details": schedule.details,
        "segments": schedule.segments,
        "target_type": schedule.target_type,
        "urgent_reason": schedule.urgent_reason,
        "shorten_links": schedule.shorten_links,
        "recurrence": RecurrenceView(
            rrule=schedule.rule if schedule.rule_kind == "rrule" else None,
            cron=schedule.rule if schedule.rule_kind == "cron" else None,
        ),
        "time_zone": schedule.time_zone,
        "starts_at": schedule.starts_at.isoformat(),
        "ends_at": _wall(schedule.ends_at),
        "missed_runs": MissedRunsView(
            policy=schedule.missed_policy, within_minutes=schedule.missed_within_seconds // 60
        ),
        "next_run_at": schedule.next_run_at,
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
        "links": ScheduleLinks(self=address, runs=f"{address}/runs"),
    }
