"""Creates the planned schedules over the public API, before the first fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tools.chaos.workload.churches import Church
from tools.chaos.workload.planned_requests import message_body
from tools.chaos.workload.planned_schedules import PlannedSchedule, Trigger
from tools.local.api_client import ApiClient

_PAST = timedelta(minutes=7)
"""The age of the time that is later written as the next run. The product still makes up for a run this late."""


@dataclass(frozen=True, kw_only=True)
class CreatedSchedule:
    schedule_id: str
    planned: PlannedSchedule


def create_schedule(
    planned: PlannedSchedule, *, church: Church, base_url: str, pictures: Sequence[str]
) -> CreatedSchedule:
    """Create the schedule so that only its planned run is due during the fault run. Raises Refused, Unreachable."""
    api = ApiClient(base_url=base_url, key=church.key)
    body = {
        **message_body(planned.message, church=church, pictures=pictures),
        "recurrence": {"rrule": "FREQ=DAILY"},
        "timeZone": "UTC",
        "startsAt": _starts_at(planned).strftime("%Y-%m-%dT%H:%M:00"),
    }
    created = api.post("/api/schedules", body)
    if planned.trigger is Trigger.PAUSED:
        api.post(f"/api/schedules/{created['id']}/pause", {})
    return CreatedSchedule(schedule_id=created["id"], planned=planned)


def _starts_at(planned: PlannedSchedule) -> datetime:
    """The first time of the rule, in UTC."""
    now = datetime.now(UTC)
    match planned.trigger:
        case Trigger.RULE:
            return now + timedelta(seconds=planned.message.at_seconds)
        case Trigger.RUN_NOW:
            return now + timedelta(days=30)
        case Trigger.MADE_DUE | Trigger.PAUSED:
            return now - _PAST
