"""Measures how long jobs run."""

from __future__ import annotations

import time

from jobs.job_queue.job_kinds import JOBS
from metrics.definitions import JOB_SECONDS
from metrics.measurements import Measurements

_NAMES = {kind.path: kind.name for kind in JOBS}


def measure_job(measurements: Measurements, path: str | None, *, began: float, succeeded: bool) -> None:
    """Count a job that began at `began` (time.perf_counter) and has ended. `path` is that of its function."""
    name = _NAMES.get(path or "", "other")
    measurements.observe(JOB_SECONDS, time.perf_counter() - began, name, "succeeded" if succeeded else "failed")
