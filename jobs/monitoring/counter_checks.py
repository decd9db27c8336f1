"""What happened within the last minutes, from samples of counters that only grow. Pure.

The samples are stored, so that the period survives a change of the watcher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.monitoring.alert_kinds import CARRIER_ERRORS, REDIS_EVICTIONS
from jobs.monitoring.findings import Check, Finding, check
from store.watchers import Sample

PERIOD_SECONDS = 600.0
SAMPLE_EVERY_SECONDS = 30.0
NO_REPLY_SECONDS = 60.0
ERRORS_OF_THE_CARRIER = ("transient", "sender", "ambiguous")
"""Results that are no fault of the recipient: `permanent` mostly is."""
NOT_JUDGED = "throttled"
"""Not processed, because there were too many at once; the pace adapts to it."""
JUDGED_FROM = 20
"""With fewer submissions within the period, a share means little."""
NO_REPLY_FROM = 5

Submissions = Mapping[str, Mapping[str, int]]
"""How many submissions there were so far, by channel and result."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counters:
    """The counters as of now. None for what could not be read."""

    submissions: Submissions | None = None
    evicted_keys: int | None = None
    redis_run_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "submissions": self.submissions,
            "evictedKeys": self.evicted_keys,
            "redisRunId": self.redis_run_id,
        }


def judge_evictions(now: Counters, samples: Sequence[Sample]) -> Check | None:
    """Any eviction within the period. Without a sample, any since Redis was started."""
    if now.evicted_keys is None:
        return None
    of_this_run = [
        int(sample.counters["evictedKeys"])
        for sample in samples
        if sample.seconds_ago <= PERIOD_SECONDS and sample.counters.get("redisRunId") == now.redis_run_id
    ]
    evicted = now.evicted_keys - min(of_this_run, default=0)
    if evicted <= 0:
        return check(REDIS_EVICTIONS)
    return check(
        REDIS_EVICTIONS,
        Finding(
            summary=f"Redis evicted {evicted} keys within {PERIOD_SECONDS / 60:.0f} minutes",
            facts={"evictedKeys": evicted, "periodSeconds": PERIOD_SECONDS},
        ),
    )


def judge_carrier_errors(now: Counters, samples: Sequence[Sample], most_percent: float) -> Check | None:
    """The share of submissions within the period that failed for a reason other than the recipient."""
    if now.submissions is None:
        return None
    findings = [
        _errors(channel, results, most_percent)
        for channel, results in _within(now.submissions, samples, PERIOD_SECONDS).items()
    ]
    return check(CARRIER_ERRORS, *findings)


def channels_without_reply(now: Counters, samples: Sequence[Sample]) -> list[str]:
    """The channels of which every submission within the last minute got no reply."""
    if now.submissions is None:
        return []
    return [
        channel
        for channel, results in sorted(_within(now.submissions, samples, NO_REPLY_SECONDS).items())
        if results.get("ambiguous", 0) >= NO_REPLY_FROM and results.get("ambiguous", 0) == _judged(results)
    ]


def _within(now: Submissions, samples: Sequence[Sample], seconds: float) -> dict[str, dict[str, int]]:
    """How much each counter has grown within the period: since the first sample in it, or the last before it."""
    stored = [sample for sample in samples if sample.counters.get("submissions") is not None]
    before = [sample for sample in stored if sample.seconds_ago >= seconds]
    start = (
        min(before, key=lambda each: each.seconds_ago)
        if before
        else max(stored, key=lambda each: each.seconds_ago, default=None)
    )
    if start is None:
        return {}
    first: Submissions = start.counters["submissions"]
    return {
        channel: {result: max(0, count - first.get(channel, {}).get(result, 0)) for result, count in results.items()}
        for channel, results in now.items()
    }


def _judged(results: Mapping[str, int]) -> int:
    return sum(count for result, count in results.items() if result != NOT_JUDGED)


def _errors(channel: str, results: Mapping[str, int], most_percent: float) -> Finding | None:
    total = _judged(results)
    failed = sum(results.get(result, 0) for result in ERRORS_OF_THE_CARRIER)
    if total < JUDGED_FROM or 100 * failed <= most_percent * total:
        return None
    return Finding(
        subject=channel,
        summary=f"{100 * failed / total:.0f}% of the {channel} submissions within ten minutes failed",
        facts={
            "channel": channel,
            "submissions": total,
            **{result: results.get(result, 0) for result in ERRORS_OF_THE_CARRIER},
            "thresholdPercent": most_percent,
        },
    )
