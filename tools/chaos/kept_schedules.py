"""The schedules of a run, made over the public API before anything goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tools.chaos.churches import Church
from tools.chaos.errands import composition
from tools.chaos.schedules import Schedule, Way
from tools.local.api_client import ApiClient

_OVER = timedelta(minutes=7)
"""How long ago the time is that is written down as the next; so late it is made up for."""


@dataclass(frozen=True, kw_only=True)
class KeptSchedule:
    """A schedule that a church has."""

    schedule_id: str
    schedule: Schedule


def keep_schedule(schedule: Schedule, *, church: Church, base_url: str, pictures: Sequence[str]) -> KeptSchedule:
    """Make it, so that nothing runs but what is due in this run. Raises Refused, Unreachable."""
    api = ApiClient(base_url=base_url, key=church.key)
    body = {
        **composition(schedule.post, church=church, pictures=pictures),
        "recurrence": {"rrule": "FREQ=DAILY"},
        "timeZone": "UTC",
        "startsAt": _starts_at(schedule).strftime("%Y-%m-%dT%H:%M:00"),
    }
    made = api.post("/api/schedules", body)
    if schedule.way is Way.PAUSED:
        api.post(f"/api/schedules/{made['id']}/pause", {})
    return KeptSchedule(schedule_id=made["id"], schedule=schedule)


def _starts_at(schedule: Schedule) -> datetime:
    """The first time of the rule, in UTC."""
    now = datetime.now(UTC)
    match schedule.way:
        case Way.BY_ITSELF:
            return now + timedelta(seconds=schedule.post.at_seconds)
        case Way.BY_HAND:
            return now + timedelta(days=30)
        case Way.MOVED | Way.PAUSED:
            return now - _OVER
