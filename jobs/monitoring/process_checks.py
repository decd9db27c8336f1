"""Whether the clock works, and the disks of the hosts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from jobs.monitoring.alert_kinds import CLOCK_LATE, DISK_FULL
from jobs.monitoring.findings import Check, Finding, check
from store.watchers import Watcher

_HOST_GONE_SECONDS = 300.0
"""The disk of a host that was not seen for longer is not judged."""


def disk_used_percent(folder: Path) -> float | None:
    """How full the disk of the folder is, as `df` counts; None if that cannot be known."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    available = usage.used + usage.free
    return 100 * usage.used / available if available else None


def judge_clock_by_watchers(watchers: Sequence[Watcher], most_seconds: float) -> Check:
    """By when a clock was last seen at work, which PostgreSQL stores."""
    seen = min((watcher.seen_seconds_ago for watcher in watchers if watcher.process == "clock"), default=None)
    if seen is None:
        return check(CLOCK_LATE, Finding(summary="no clock has been seen within a day"))
    if seen <= most_seconds:
        return check(CLOCK_LATE)
    return check(CLOCK_LATE, _late(seen, most_seconds))


def judge_clock_by_ticks(late_seconds: float | None, most_seconds: float) -> Check:
    """By how long its periodic jobs are overdue in Redis."""
    if late_seconds is None:
        return check(CLOCK_LATE, Finding(summary="the clock has no periodic jobs in Redis"))
    if late_seconds <= most_seconds:
        return check(CLOCK_LATE)
    return check(CLOCK_LATE, _late(late_seconds, most_seconds))


def _late(seconds: float, most_seconds: float) -> Finding:
    return Finding(
        summary=f"the clock was last seen at work {seconds:.0f} s ago",
        facts={"lastSeenSecondsAgo": round(seconds), "thresholdSeconds": most_seconds},
    )


def judge_disks(watchers: Sequence[Watcher], most_percent: float) -> Check:
    """Of every host on which the clock or workers run."""
    used: dict[str, float] = {}
    for watcher in watchers:
        if watcher.disk_used_percent is not None and watcher.seen_seconds_ago < _HOST_GONE_SECONDS:
            used[watcher.host] = max(watcher.disk_used_percent, used.get(watcher.host, 0.0))
    return check(DISK_FULL, *(_disk(host, percent, most_percent) for host, percent in sorted(used.items())))


def _disk(host: str, percent: float, most_percent: float) -> Finding | None:
    if percent <= most_percent:
        return None
    return Finding(
        subject=host,
        summary=f"the disk of {host} is {percent:.0f}% full",
        facts={"host": host, "usedPercent": round(percent, 1), "thresholdPercent": most_percent},
    )
