"""The plan: what goes wrong, and when. A pure function of the parameters, so that a run can be had again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from random import Random

from jobs.job_queue.queues import ANALYTICS
from tools.chaos.episodes import DOUBTFUL, EPISODES
from tools.chaos.events import DEATHS, EMPTY, OF_RUNS, ONE_OPERATOR, TWO_OPERATORS, WITH_DATA, Event, Kind
from tools.chaos.mail_episodes import MAIL_EPISODES
from tools.chaos.parameters import Ablation, Parameters
from tools.chaos.posts import SHARES
from tools.chaos.schedules import Schedule, Way, make_schedules

_LAST_DEATH = 0.7
"""The share of the mischief after which nothing is to die any more: traps need work that passes by."""
_STALL_SECONDS = ((6.0, 8.0), (1.0, 2.0), (14.0, 16.0))
"""How long a server stands still, in turn: longer than requests wait for it; not as long as anyone does; longer
than workers do (store/timeouts.py)."""
_BEFORE_RUN_SECONDS = 0.5
"""How long before a run, at the most, what is to hit it begins."""


def make_plan(parameters: Parameters) -> tuple[Event, ...]:
    """All events in their order."""
    random = Random(f"plan {parameters.seed}")  # noqa: S311 - to be repeatable is the point
    schedules = make_schedules(parameters)
    events = [
        *_deaths(parameters, schedules, random),
        *_stalls(parameters, random),
        *_servers(parameters, random),
        *_server_stalls(parameters, Random(f"server stalls {parameters.seed}")),  # noqa: S311 - the other events stay
        *_episodes(Kind.FAULTS, list(_names(parameters)), parameters.episodes, parameters, random),
        *_episodes(Kind.MAIL_FAULTS, list(MAIL_EPISODES), parameters.mail_episodes, parameters, random),
        *_requeues(parameters, random),
        *_runs(parameters, schedules, random),
    ]
    return tuple(sorted(events, key=lambda event: event.at_seconds))


def deal_deaths(count: int, deaths: Sequence[tuple[Kind, str, int]] = DEATHS) -> list[tuple[Kind, str]]:
    """`count` deaths in the proportion of `deaths`, as evenly as whole numbers allow."""
    dealt = [0] * len(deaths)
    whole = sum(share for _, _, share in deaths)
    for number in range(1, count + 1):
        behind = [share * number / whole - had for (_, _, share), had in zip(deaths, dealt, strict=True)]
        dealt[behind.index(max(behind))] += 1
    return [(kind, detail) for (kind, detail, _), had in zip(deaths, dealt, strict=True) for _ in range(had)]


def _deaths(parameters: Parameters, schedules: Sequence[Schedule], random: Random) -> Iterator[Event]:
    latest_seconds = _LAST_DEATH * parameters.mischief_seconds
    moments = [schedule.post.at_seconds for schedule in schedules if schedule.way is not Way.BY_HAND]
    runs = [at_seconds for at_seconds in moments if at_seconds <= latest_seconds]
    anything_runs = runs and Ablation.SWEEP not in parameters.ablations
    deaths = deal_deaths(parameters.kills, DEATHS if anything_runs else [d for d in DEATHS if d[1] not in OF_RUNS])
    random.shuffle(deaths)
    channels = cycle(random.sample(list(SHARES), len(SHARES)))  # each as often, whatever work it has
    for at_seconds, (kind, detail) in zip(
        _spread(parameters.kills, 0.02, _LAST_DEATH, parameters, random), deaths, strict=True
    ):
        if detail in OF_RUNS:
            at_seconds = max(0.0, random.choice(runs) - random.uniform(0.0, _BEFORE_RUN_SECONDS))
            queue = ANALYTICS if kind is Kind.TRAP else ""
        else:
            queue = next(channels) if kind is Kind.TRAP else ""
        yield Event(at_seconds=at_seconds, kind=kind, detail=detail, queue=queue, draw=random.random())


def _stalls(parameters: Parameters, random: Random) -> Iterator[Event]:
    for at_seconds in _spread(parameters.stalls, 0.05, 0.75, parameters, random):
        yield Event(at_seconds=at_seconds, kind=Kind.STALL, lasts_seconds=parameters.stall_seconds)


def _servers(parameters: Parameters, random: Random) -> Iterator[Event]:
    for number, at_seconds in enumerate(_spread(parameters.redis_restarts, 0.1, 0.9, parameters, random)):
        detail = WITH_DATA if number % 2 else EMPTY
        yield Event(at_seconds=at_seconds, kind=Kind.REDIS, detail=detail, lasts_seconds=random.uniform(0.3, 3.0))
    for at_seconds in _spread(parameters.flushes, 0.1, 0.95, parameters, random):
        yield Event(at_seconds=at_seconds, kind=Kind.FLUSH)
    for at_seconds in _spread(parameters.postgres_restarts, 0.1, 0.9, parameters, random):
        yield Event(at_seconds=at_seconds, kind=Kind.POSTGRES, lasts_seconds=random.uniform(0.3, 3.0))


def _server_stalls(parameters: Parameters, random: Random) -> Iterator[Event]:
    """Some end before anyone gives up, others after."""
    for kind, count in ((Kind.REDIS_STALL, parameters.redis_stalls), (Kind.POSTGRES_STALL, parameters.postgres_stalls)):
        for number, at_seconds in enumerate(_spread(count, 0.15, 0.85, parameters, random)):
            lasts_seconds = random.uniform(*_STALL_SECONDS[number % len(_STALL_SECONDS)])
            yield Event(at_seconds=at_seconds, kind=kind, lasts_seconds=lasts_seconds)


def _names(parameters: Parameters) -> Iterable[str]:
    return DOUBTFUL if Ablation.RECONCILE in parameters.ablations else EPISODES


def _episodes(kind: Kind, names: list[str], count: int, parameters: Parameters, random: Random) -> Iterator[Event]:
    random.shuffle(names)
    slot_seconds = 0.9 * parameters.mischief_seconds / max(1, count)
    for number in range(count):
        begins = (number + random.uniform(0.0, 0.3)) * slot_seconds
        yield Event(at_seconds=begins, kind=kind, detail=names[number % len(names)])
        yield Event(at_seconds=begins + random.uniform(0.4, 0.65) * slot_seconds, kind=kind)


def _requeues(parameters: Parameters, random: Random) -> Iterator[Event]:
    for number, at_seconds in enumerate(_spread(parameters.requeues, 0.2, 1.0, parameters, random)):
        yield Event(at_seconds=at_seconds, kind=Kind.REQUEUE, detail=ONE_OPERATOR if number % 2 else TWO_OPERATORS)


def _runs(parameters: Parameters, schedules: Sequence[Schedule], random: Random) -> Iterator[Event]:
    for schedule in schedules:
        if schedule.way in (Way.MOVED, Way.PAUSED):
            yield Event(at_seconds=schedule.post.at_seconds, kind=Kind.DUE, schedule=schedule.post.number)
    for at_seconds in _spread(parameters.set_backs, 0.3, 0.95, parameters, random):
        moved = [one for one in schedules if one.way is Way.MOVED and one.post.at_seconds < at_seconds]
        if moved:
            yield Event(at_seconds=at_seconds, kind=Kind.SET_BACK, schedule=random.choice(moved).post.number)


def _spread(count: int, begin: float, end: float, parameters: Parameters, random: Random) -> list[float]:
    """`count` moments, one at random in each of as many equal parts between two shares of the mischief."""
    length = (end - begin) / max(1, count)
    return [
        parameters.mischief_seconds * random.uniform(begin + number * length, begin + (number + 1) * length)
        for number in range(count)
    ]
