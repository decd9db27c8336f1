"""The request body of a schedule, with every check that needs no database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from api.base_models import RequestModel, WallTime, ZoneName, field_error
from api.messages.composition import Draft
from messaging.recurrence.cron import read_cron
from messaging.recurrence.rrule import read_rrule
from messaging.recurrence.rule import InvalidRecurrence

_EARLIEST, _YEARS_AHEAD = datetime.fromisoformat("2000-01-01"), timedelta(days=5 * 366)
_MAX_MINUTES = 24 * 60


def _check_with(read: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            read(text)
        except InvalidRecurrence as error:
            raise field_error(str(error)) from None
        return text

    return check


START_OUT_OF_RANGE = "must lie between the year 2000 and five years from now"


def is_start_in_range(wall: datetime) -> bool:
    """Return whether a schedule may start at this local time, which is startsAt or a DTSTART in the rule."""
    return _EARLIEST <= wall <= datetime.now(UTC).replace(tzinfo=None) + _YEARS_AHEAD


def _check_start(wall: datetime) -> datetime:
    if not is_start_in_range(wall):
        raise field_error(START_OUT_OF_RANGE)
    return wall


_Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_StartTime = Annotated[WallTime, AfterValidator(_check_start)]


class Recurrence(RequestModel):
    """When the schedule runs: either an RRULE (RFC 5545), or a cron expression."""

    digested_at_default: ClassVar[frozenset[str]] = frozenset({"rrule", "cron"})

    rrule: Annotated[_Text, AfterValidator(_check_with(read_rrule))] | None = Field(
        default=None,
        description=(
            "A rule such as `FREQ=WEEKLY;BYDAY=SU`. The frequency is HOURLY to YEARLY, and there are at least 15 "
            "minutes between two runs."
        ),
    )
    cron: Annotated[_Text, AfterValidator(_check_with(read_cron))] | None = Field(
        default=None, description="Minute, hour, day of the month, month, and day of the week, such as `0 9 * * SUN`."
    )

    @model_validator(mode="after")
    def _check_one_is_set(self) -> Recurrence:
        if (self.rrule is None) == (self.cron is None):
            raise field_error("must have either rrule or cron")
        return self


MissedPolicy = Annotated[
    Literal["runOnce", "skip"],
    Field(
        description=(
            '"runOnce": one run takes place instead of all missed ones, if the last of them is recent enough (see '
            '`withinMinutes`). "skip": missed runs do not take place.'
        )
    ),
]
WithinMinutes = Annotated[
    int,
    Field(ge=1, le=_MAX_MINUTES, description="How many minutes after its time a missed run may still take place."),
]


class MissedRuns(RequestModel):
    """What happens to runs that were due while the service was down."""

    digested_at_default: ClassVar[frozenset[str]] = frozenset({"policy", "within_minutes"})

    policy: MissedPolicy = "runOnce"
    within_minutes: WithinMinutes = 60


class NewSchedule(Draft):
    """A message that is sent repeatedly, each time to everyone who is in its target at that time."""

    digested_at_default: ClassVar[frozenset[str]] = Draft.digested_at_default | {
        "time_zone",
        "starts_at",
        "ends_at",
        "missed_runs",
    }

    recurrence: Recurrence
    time_zone: ZoneName | None = Field(
        default=None, description="A time zone such as America/New_York. The default is the church's time zone."
    )
    starts_at: _StartTime | None = Field(
        default=None,
        description=(
            "The local time at which the schedule starts. It is required with an rrule, because it sets the time of "
            "day. With cron, the default is now."
        ),
    )
    ends_at: WallTime | None = Field(default=None, description="The local time after which it no longer runs.")
    missed_runs: MissedRuns = Field(default=MissedRuns())

    @field_validator("ends_at")
    @classmethod
    def _check_end(cls, ends_at: datetime | None, info: ValidationInfo) -> datetime | None:
        starts_at = info.data.get("starts_at")
        if ends_at is not None and starts_at is not None and ends_at < starts_at:
            raise field_error("must not be before startsAt")
        return ends_at
