"""The planned paced churches share the job that claims for them during the whole run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from channels.registry import CHANNELS
from messaging.addresses import parse_phone
from tools.chaos.parameters import Ablation, Parameters
from tools.chaos.workload.planned_messages import plan_messages
from tools.chaos.workload.planned_paced_churches import (
    PlannedPacedChurch,
    count_paced_deliveries,
    is_of_paced_church,
    plan_paced_churches,
)

FULL = Parameters(seed=5, fault_seconds=240.0, paced_churches=300)
SHORT = Parameters(seed=5, fault_seconds=30.0)
BOTH = pytest.mark.parametrize("parameters", [FULL, SHORT])


def segments(church: PlannedPacedChurch) -> int:
    return CHANNELS[church.message.channel].count_segments(church.message.body)


@BOTH
def test_the_same_seed_gives_the_same_churches_and_another_seed_others(parameters: Parameters) -> None:
    assert plan_paced_churches(parameters) == plan_paced_churches(parameters)
    assert plan_paced_churches(parameters) != plan_paced_churches(replace(parameters, seed=6))


@BOTH
def test_most_have_work_from_the_same_moment_and_for_as_long(parameters: Parameters) -> None:
    churches = plan_paced_churches(parameters)
    assert len(churches) == parameters.paced_churches
    due = Counter(round(each.message.at_seconds + each.message.delay_seconds, 6) for each in churches)
    assert max(due.values()) == 0.9 * len(churches)
    for church in churches:
        seconds = len(church.message.addresses) * segments(church) / church.pace
        assert seconds == pytest.approx(0.55 * parameters.fault_seconds, abs=2.0)


@BOTH
def test_they_send_texts_of_one_and_two_segments_and_pictures(parameters: Parameters) -> None:
    churches = plan_paced_churches(parameters)
    assert {(each.message.channel, segments(each)) for each in churches} == {("sms", 1), ("sms", 2), ("mms", 1)}
    for church in churches:
        assert (church.message.channel == "mms") == (church.message.pictures > 0)
        assert [parse_phone(address) for address in church.message.addresses] == list(church.message.addresses)


@BOTH
def test_their_messages_are_told_from_the_others_and_counted(parameters: Parameters) -> None:
    churches = plan_paced_churches(parameters)
    assert all(is_of_paced_church(each.message) for each in churches)
    assert not any(map(is_of_paced_church, plan_messages(parameters, deliveries=500)))
    assert len({each.message.body for each in churches}) == len(churches)
    assert [each.message.church for each in churches] == list(
        range(parameters.churches, parameters.churches + parameters.paced_churches)
    )
    assert count_paced_deliveries(parameters) == sum(len(each.message.addresses) for each in churches)


def test_there_are_none_without_a_clock() -> None:
    assert plan_paced_churches(replace(FULL, ablations=frozenset({Ablation.SWEEP}))) == ()
