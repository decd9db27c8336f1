"""The fault plan contains every requested fault in time, and is the same for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from store import timeouts
from tools.chaos.faults.carrier_episodes import CARRIER_EPISODES, IN_DOUBT_EPISODES
from tools.chaos.faults.fault_plan import distribute_kills, make_fault_plan
from tools.chaos.faults.mail_server_episodes import MAIL_SERVER_EPISODES
from tools.chaos.faults.planned_faults import KILL_SHARES, SCHEDULE_RUN_KILLS, FaultKind
from tools.chaos.parameters import CHANNEL_SHARES, Ablation, Parameters
from tools.chaos.system.environment import LEASE_SECONDS
from tools.chaos.worker.failpoints import PACED_BATCH_KILLS, STALLS, Failpoint
from tools.chaos.workload.planned_schedules import Trigger, plan_schedules

SHORTEST_FOR_REQUESTS = timeouts.WEB.connection + timeouts.PROBE_SECONDS
SHORTEST_FOR_WORKERS = timeouts.SENDING.probe_after + timeouts.PROBE_SECONDS
FULL = Parameters(
    seed=5,
    deliveries=100_000,
    fault_seconds=900.0,
    kills=200,
    redis_restarts=10,
    flushes=3,
    postgres_restarts=5,
    redis_stalls=4,
    postgres_stalls=4,
)
SHORT = Parameters(seed=5, deliveries=1_500, fault_seconds=15.0, kills=8, redis_restarts=1, postgres_restarts=1)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_the_same_seed_gives_the_same_fault_plan_and_another_seed_another(parameters: Parameters) -> None:
    assert make_fault_plan(parameters) == make_fault_plan(parameters)
    assert make_fault_plan(parameters) != make_fault_plan(replace(parameters, seed=6))


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_the_plan_contains_the_requested_faults_within_its_time(parameters: Parameters) -> None:
    plan = make_fault_plan(parameters)
    kinds = Counter(fault.kind for fault in plan)
    assert kinds[FaultKind.KILL_AT_FAILPOINT] + kinds[FaultKind.KILL] == parameters.kills
    assert kinds[FaultKind.RESTART_REDIS] == parameters.redis_restarts
    assert kinds[FaultKind.FLUSH] == parameters.flushes
    assert kinds[FaultKind.RESTART_POSTGRES] == parameters.postgres_restarts
    assert kinds[FaultKind.STALL_REDIS] == parameters.redis_stalls
    assert kinds[FaultKind.STALL_POSTGRES] == parameters.postgres_stalls
    assert kinds[FaultKind.REQUEUE] == parameters.requeues
    assert kinds[FaultKind.CARRIER_EPISODE] == 2 * parameters.episodes
    assert kinds[FaultKind.MAIL_SERVER_EPISODE] == 2 * parameters.mail_episodes
    moments = [fault.at_seconds for fault in plan]
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert moments[-1] <= parameters.fault_seconds


@pytest.mark.parametrize(
    ("kind", "episodes"),
    [(FaultKind.CARRIER_EPISODE, CARRIER_EPISODES), (FaultKind.MAIL_SERVER_EPISODE, MAIL_SERVER_EPISODES)],
)
def test_every_episode_is_planned_and_ends_before_the_next(kind: FaultKind, episodes: Mapping[str, object]) -> None:
    parameters = replace(FULL, episodes=len(CARRIER_EPISODES), mail_episodes=len(MAIL_SERVER_EPISODES))
    changes = [fault.detail for fault in make_fault_plan(parameters) if fault.kind is kind]
    assert set(changes[::2]) == set(episodes)
    assert set(changes[1::2]) == {""}


def test_kills_are_distributed_in_proportion() -> None:
    whole = sum(share for _, _, share in KILL_SHARES)
    kills = Counter(distribute_kills(10 * whole))
    assert kills == Counter({(kind, detail): 10 * share for kind, detail, share in KILL_SHARES})


def test_a_short_run_kills_at_the_most_important_failpoints() -> None:
    details = {detail for _, detail in distribute_kills(SHORT.kills)}
    assert details >= {
        Failpoint.AFTER_CLAIM,
        Failpoint.AFTER_ACCEPTANCE,
        Failpoint.HALF_RECORDED,
        Failpoint.AFTER_EXPANSION,
    }


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_workers_are_killed_at_each_place_of_a_paced_batch_that_leaves_work_behind(parameters: Parameters) -> None:
    details = {fault.detail for fault in make_fault_plan(replace(parameters, kills=max(10, parameters.kills)))}
    assert details >= PACED_BATCH_KILLS


@pytest.mark.parametrize("without", [{"paced_churches": 0}, {"ablations": frozenset({Ablation.SWEEP})}])
def test_no_paced_batch_is_awaited_when_no_planned_church_has_a_pace(without: Mapping[str, Any]) -> None:
    plan = make_fault_plan(replace(FULL, stalls=3, **without))
    assert not PACED_BATCH_KILLS & {fault.detail for fault in plan}
    assert {fault.detail for fault in plan if fault.kind is FaultKind.STALL_WORKER} == {Failpoint.STALL_AFTER_CLAIM}


def test_workers_are_stalled_in_both_kinds_of_batch() -> None:
    stalls = [fault for fault in make_fault_plan(replace(FULL, stalls=3)) if fault.kind is FaultKind.STALL_WORKER]
    assert {fault.detail for fault in stalls} == set(STALLS)
    assert all(fault.duration_seconds > LEASE_SECONDS for fault in stalls)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_workers_of_every_channel_are_killed(parameters: Parameters) -> None:
    kills = [fault for fault in make_fault_plan(parameters) if fault.kind is FaultKind.KILL_AT_FAILPOINT]
    assert {fault.queue for fault in kills if fault.detail not in SCHEDULE_RUN_KILLS} == set(CHANNEL_SHARES)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_schedules_use_every_trigger_and_their_kills_come_just_before_they_are_due(parameters: Parameters) -> None:
    schedules, plan = plan_schedules(parameters), make_fault_plan(parameters)
    due = {schedule.message.number: schedule.message.at_seconds for schedule in schedules}
    by_rule = {Trigger.RULE} if parameters is FULL else set[Trigger]()
    assert {schedule.trigger for schedule in schedules} == {
        Trigger.MADE_DUE,
        Trigger.RUN_NOW,
        Trigger.PAUSED,
    } | by_rule
    assert {fault.message_number for fault in plan if fault.kind is FaultKind.MAKE_DUE} == {
        each.message.number for each in schedules if each.trigger in (Trigger.MADE_DUE, Trigger.PAUSED)
    }
    set_back = [fault for fault in plan if fault.kind is FaultKind.SET_BACK]
    assert len(set_back) == parameters.set_backs
    assert all(due[fault.message_number] < fault.at_seconds for fault in set_back)
    for fault in plan:
        if fault.detail in SCHEDULE_RUN_KILLS:
            assert any(0.0 <= at_seconds - fault.at_seconds <= 0.5 for at_seconds in due.values())


def test_servers_are_stalled_for_less_and_for_more_than_requests_and_workers_wait() -> None:
    durations = [fault.duration_seconds for fault in make_fault_plan(FULL) if fault.kind is FaultKind.STALL_POSTGRES]
    assert any(SHORTEST_FOR_REQUESTS < seconds < SHORTEST_FOR_WORKERS for seconds in durations)
    assert max(durations) > SHORTEST_FOR_WORKERS
    assert min(durations) < SHORTEST_FOR_REQUESTS


def test_without_reconciliation_every_carrier_episode_leaves_deliveries_in_doubt() -> None:
    plan = make_fault_plan(replace(SHORT, ablations=frozenset({Ablation.RECONCILE})))
    assert {fault.detail for fault in plan if fault.kind is FaultKind.CARRIER_EPISODE} == {*IN_DOUBT_EPISODES, ""}
