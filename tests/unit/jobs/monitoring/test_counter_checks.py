"""What the samples of counters say about the last minutes."""

from __future__ import annotations

from jobs.monitoring.counter_checks import (
    Counters,
    channels_without_reply,
    judge_carrier_errors,
    judge_evictions,
)
from store.watchers import Sample

ZERO = {"accepted": 0, "permanent": 0, "transient": 0, "sender": 0, "ambiguous": 0}


def sample(seconds_ago: float, **results: int) -> Sample:
    return Sample(seconds_ago=seconds_ago, counters=Counters(submissions={"sms": {**ZERO, **results}}).to_json())


def now(**results: int) -> Counters:
    return Counters(submissions={"sms": {**ZERO, **results}})


def errors(counters: Counters, *samples: Sample) -> list[str]:
    checked = judge_carrier_errors(counters, samples, 5.0)
    assert checked is not None
    return [finding.summary for finding in checked.findings]


def test_more_than_five_percent_within_ten_minutes_is_too_much() -> None:
    assert errors(now(accepted=94, transient=6), sample(600)) == ["6% of the sms submissions within ten minutes failed"]
    assert errors(now(accepted=95, transient=5), sample(600)) == []


def test_errors_before_the_period_do_not_count() -> None:
    before = sample(610, accepted=100, ambiguous=100)

    assert errors(now(accepted=200, ambiguous=100), before, sample(700)) == []


def test_refusals_because_of_the_recipient_are_no_errors_of_the_carrier() -> None:
    assert errors(now(accepted=50, permanent=50), sample(600)) == []


def test_throttling_is_no_error() -> None:
    assert errors(now(accepted=50, throttled=500), sample(600)) == []


def test_a_few_submissions_say_nothing() -> None:
    assert errors(now(accepted=1, transient=18), sample(600)) == []


def test_without_any_sample_nothing_is_judged() -> None:
    assert errors(now(transient=1000)) == []


def test_counters_that_begin_again_are_no_errors() -> None:
    assert errors(now(accepted=50), sample(600, accepted=500, transient=500)) == []


def test_unreadable_counters_are_not_judged() -> None:
    assert judge_carrier_errors(Counters(), [sample(600)], 5.0) is None


def test_a_channel_of_which_nothing_gets_a_reply_is_named() -> None:
    before = sample(70, accepted=10)

    assert channels_without_reply(now(accepted=10, ambiguous=5), [before]) == ["sms"]
    assert channels_without_reply(now(accepted=11, ambiguous=5), [before]) == []
    assert channels_without_reply(now(accepted=10, ambiguous=4), [before]) == []


def evictions(evicted: int, *samples: tuple[float, int, str]) -> int:
    taken = [
        Sample(seconds_ago=ago, counters=Counters(evicted_keys=keys, redis_run_id=run).to_json())
        for ago, keys, run in samples
    ]
    checked = judge_evictions(Counters(evicted_keys=evicted, redis_run_id="now"), taken)
    assert checked is not None
    return len(checked.findings)


def test_any_eviction_within_ten_minutes_is_found() -> None:
    assert evictions(7, (30, 7, "now"), (599, 6, "now")) == 1
    assert evictions(7, (30, 7, "now"), (601, 6, "now")) == 0
    assert evictions(0, (30, 0, "now")) == 0


def test_evictions_since_redis_was_started_again_are_found() -> None:
    assert evictions(1, (30, 500, "before")) == 1
    assert evictions(0, (30, 500, "before")) == 0
