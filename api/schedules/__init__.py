"""The endpoints under /api/schedules."""

from __future__ import annotations

from api.schedules.creating import create_schedule
from api.schedules.editing import change_schedule, delete_schedule
from api.schedules.lifecycle import pause_schedule, resume_schedule, run_schedule_now
from api.schedules.reading import get_schedule, list_schedule_runs, list_schedules

ENDPOINTS = (
    create_schedule,
    list_schedules,
    get_schedule,
    change_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    run_schedule_now,
    list_schedule_runs,
)
