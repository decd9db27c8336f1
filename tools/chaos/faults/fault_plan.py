"""Plans which faults are injected when. A pure function of the parameters, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random

from jobs.job_queue.queues import ANALYTICS
from tools.chaos.faults.carrier_episodes import CARRIER_EPISODES, IN_DOUBT_EPISODES
from tools.chaos.faults.mail_server_episodes import MAIL_SERVER_EPISODES
from tools.chaos.faults.planned_faults import (
    EMPTY,
    KILL_SHARES,
    ONE_OPERATOR,
    SCHEDULE_RUN_KILLS,
    TWO_OPERATORS,
    WITH_DATA,
    FaultKind,
    PlannedFault,
)
from tools.chaos.parameters import CHANNEL_SHARES, Ablation, Parameters
from tools.chaos.worker.failpoints import PACED_BATCH_KILLS, STALLS, Failpoint
from tools.chaos.workload.planned_schedules import PlannedSchedule, Trigger, plan_schedules

_LAST_KILL = 0.7
"""The share of `fault_seconds` after which no kill is planned: a worker must still reach every armed failpoint."""
_STALL_SECONDS = ((6.0, 8.0), (1.0, 2.0), (14.0, 16.0))
"""How long a server is stalled, in turn: longer than requests wait for it; shorter than any timeout; longer than
workers wait (store/timeouts.py)."""
_BEFORE_RUN_SECONDS = 0.5
"""A kill that is meant to hit the run of a schedule is injected at most this long before the schedule is due."""


def make_fault_plan(parameters: Parameters) -> tuple[PlannedFault, ...]:
    """All faults in the order of their times."""
    random = Random(f"plan {parameters.seed}")  # noqa: S311 - repeatable; another string would change every plan
    schedules = plan_schedules(parameters)
    server_stalls = Random(f"server stalls {parameters.seed}")  # noqa: S311 - its own, so that other faults do not move
    faults = [
        *_kills(parameters, schedules, random),
        *_worker_stalls(parameters, random),
        *_server_restarts(parameters, random),
        *_server_stalls(parameters, server_stalls),
        *_episodes(FaultKind.CARRIER_EPISODE, _carrier_episodes(parameters), parameters.episodes, parameters, random),
        *_episodes(
            FaultKind.MAIL_SERVER_EPISODE, list(MAIL_SERVER_EPISODES), parameters.mail_episodes, parameters, random
        ),
        *_requeues(parameters, random),
        *_due_schedules(parameters, schedules, random),
    ]
    return tuple(sorted(faults, key=lambda fault: fault.at_seconds))


def distribute_kills(
    count: int, shares: Sequence[tuple[FaultKind, str, int]] = KILL_SHARES
) -> list[tuple[FaultKind, str]]:
    """Kind and detail of `count` kills, in the proportion of `shares` as closely as whole numbers allow."""
    counts = [0] * len(shares)
    whole = sum(share for _, _, share in shares)
    for number in range(1, count + 1):
        behind = [share * number / whole - had for (_, _, share), had in zip(shares, counts, strict=True)]
        counts[behind.index(max(behind))] += 1
    return [(kind, detail) for (kind, detail, _), had in zip(shares, counts, strict=True) for _ in range(had)]


def _kills(parameters: Parameters, schedules: Sequence[PlannedSchedule], random: Random) -> Iterator[PlannedFault]:
    latest_seconds = _LAST_KILL * parameters.fault_seconds
    moments = [each.message.at_seconds for each in schedules if each.trigger is not Trigger.RUN_NOW]
    runs = [at_seconds for at_seconds in moments if at_seconds <= latest_seconds]
    impossible = frozenset[str]() if runs and Ablation.SWEEP not in parameters.ablations else SCHEDULE_RUN_KILLS
    if not (parameters.has_paces and parameters.paced_churches):
        impossible |= PACED_BATCH_KILLS
    kills = distribute_kills(parameters.kills, [each for each in KILL_SHARES if each[1] not in impossible])
    random.shuffle(kills)
    channels = cycle(random.sample(list(CHANNEL_SHARES), len(CHANNEL_SHARES)))  # each equally often, busy or not
    for at_seconds, (kind, detail) in zip(
        _spread(parameters.kills, 0.02, _LAST_KILL, parameters, random), kills, strict=True
    ):
        if detail in SCHEDULE_RUN_KILLS:
            at_seconds = max(0.0, random.choice(runs) - random.uniform(0.0, _BEFORE_RUN_SECONDS))
            queue = ANALYTICS if kind is FaultKind.KILL_AT_FAILPOINT else ""
        else:
            queue = next(channels) if kind is FaultKind.KILL_AT_FAILPOINT else ""
        yield PlannedFault(at_seconds=at_seconds, kind=kind, detail=detail, queue=queue, draw=random.random())


def _worker_stalls(parameters: Parameters, random: Random) -> Iterator[PlannedFault]:
    points = STALLS if parameters.has_paces and parameters.paced_churches else (Failpoint.STALL_AFTER_CLAIM,)
    for at_seconds, point in zip(
        _spread(parameters.stalls, 0.05, 0.75, parameters, random), cycle(points), strict=False
    ):
        yield PlannedFault(
            at_seconds=at_seconds,
            kind=FaultKind.STALL_WORKER,
            detail=point,
            duration_seconds=parameters.stall_seconds,
        )


def _server_restarts(parameters: Parameters, random: Random) -> Iterator[PlannedFault]:
    for number, at_seconds in enumerate(_spread(parameters.redis_restarts, 0.1, 0.9, parameters, random)):
        yield PlannedFault(
            at_seconds=at_seconds,
            kind=FaultKind.RESTART_REDIS,
            detail=WITH_DATA if number % 2 else EMPTY,
            duration_seconds=random.uniform(0.3, 3.0),
        )
    for at_seconds in _spread(parameters.flushes, 0.1, 0.95, parameters, random):
        yield PlannedFault(at_seconds=at_seconds, kind=FaultKind.FLUSH)
    for at_seconds in _spread(parameters.postgres_restarts, 0.1, 0.9, parameters, random):
        yield PlannedFault(
            at_seconds=at_seconds, kind=FaultKind.RESTART_POSTGRES, duration_seconds=random.uniform(0.3, 3.0)
        )


def _server_stalls(parameters: Parameters, random: Random) -> Iterator[PlannedFault]:
    """Some end before any client times out, others after."""
    for kind, count in (
        (FaultKind.STALL_REDIS, parameters.redis_stalls),
        (FaultKind.STALL_POSTGRES, parameters.postgres_stalls),
    ):
        for number, at_seconds in enumerate(_spread(count, 0.15, 0.85, parameters, random)):
            duration_seconds = random.uniform(*_STALL_SECONDS[number % len(_STALL_SECONDS)])
            yield PlannedFault(at_seconds=at_seconds, kind=kind, duration_seconds=duration_seconds)


def _carrier_episodes(parameters: Parameters) -> list[str]:
    return list(IN_DOUBT_EPISODES if Ablation.RECONCILE in parameters.ablations else CARRIER_EPISODES)


def _episodes(
    kind: FaultKind, names: list[str], count: int, parameters: Parameters, random: Random
) -> Iterator[PlannedFault]:
    """The beginning and the end of `count` episodes, which do not overlap."""
    random.shuffle(names)
    slot_seconds = 0.9 * parameters.fault_seconds / max(1, count)
    for number in range(count):
        begins = (number + random.uniform(0.0, 0.3)) * slot_seconds
        yield PlannedFault(at_seconds=begins, kind=kind, detail=names[number % len(names)])
        yield PlannedFault(at_seconds=begins + random.uniform(0.4, 0.65) * slot_seconds, kind=kind)


def _requeues(parameters: Parameters, random: Random) -> Iterator[PlannedFault]:
    for number, at_seconds in enumerate(_spread(parameters.requeues, 0.2, 1.0, parameters, random)):
        detail = ONE_OPERATOR if number % 2 else TWO_OPERATORS
        yield PlannedFault(at_seconds=at_seconds, kind=FaultKind.REQUEUE, detail=detail)


def _due_schedules(
    parameters: Parameters, schedules: Sequence[PlannedSchedule], random: Random
) -> Iterator[PlannedFault]:
    for schedule in schedules:
        if schedule.trigger in (Trigger.MADE_DUE, Trigger.PAUSED):
            message = schedule.message
            yield PlannedFault(at_seconds=message.at_seconds, kind=FaultKind.MAKE_DUE, message_number=message.number)
    for at_seconds in _spread(parameters.set_backs, 0.3, 0.95, parameters, random):
        earlier = [
            each for each in schedules if each.trigger is Trigger.MADE_DUE and each.message.at_seconds < at_seconds
        ]
        if earlier:
            message = random.choice(earlier).message
            yield PlannedFault(at_seconds=at_seconds, kind=FaultKind.SET_BACK, message_number=message.number)


def _spread(count: int, begin: float, end: float, parameters: Parameters, random: Random) -> list[float]:
    """`count` moments between two shares of `fault_seconds`: one at random in each of `count` equal intervals."""
    length = (end - begin) / max(1, count)
    return [
        parameters.fault_seconds * random.uniform(begin + number * length, begin + (number + 1) * length)
        for number in range(count)
    ]
