"""The plan: what goes wrong, and when. A pure function of the parameters, so that a run can be had again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from chaos.episodes import DOUBTFUL, EPISODES
from chaos.parameters import Ablation, Parameters
from chaos.points import Point


class Kind(StrEnum):
    TRAP = "trap"
    """A worker dies at the point that `detail` names."""
    KILL = "kill"
    """A process of the group that `detail` names dies, wherever it is."""
    STALL = "stall"
    """A worker stands still once it has claimed."""
    FLUSH = "flush Redis"
    REDIS = "restart Redis"
    """`detail`: with its data, or empty."""
    POSTGRES = "restart PostgreSQL"
    FAULTS = "carrier"
    """From now on the carrier behaves as the episode `detail`; without one it is calm."""
    REQUEUE = "requeue all failed jobs"
    """`detail`: by one operator, or by two at once."""


class Victim(StrEnum):
    """Groups of processes that are killed at any moment."""

    WORKER = "worker"
    WORKERS = "worker.py"
    CLOCK = "clock"
    API_WORKER = "API worker"
    API_MASTER = "API master"
    """Its workers outlive it, as orphans."""
    API = "whole API"


EMPTY, WITH_DATA = "empty", "with its data"
TWO_OPERATORS, ONE_OPERATOR = "two operators at once", "one operator"

DEATHS: Sequence[tuple[Kind, str, int]] = (
    (Kind.TRAP, Point.AFTER_ACCEPTANCE, 4),
    (Kind.TRAP, Point.AFTER_CLAIM, 3),
    (Kind.TRAP, Point.HALF_RECORDED, 3),
    (Kind.KILL, Victim.WORKER, 3),
    (Kind.TRAP, Point.BEFORE_RING, 2),
    (Kind.KILL, Victim.API_WORKER, 2),
    (Kind.KILL, Victim.WORKERS, 2),
    (Kind.TRAP, Point.BEFORE_CLAIM, 1),
    (Kind.KILL, Victim.CLOCK, 1),
    (Kind.KILL, Victim.API, 1),
    (Kind.KILL, Victim.API_MASTER, 1),
)
"""Ways to die, and how often each in proportion."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that goes wrong, `at_seconds` after the start."""

    at_seconds: float
    kind: Kind
    detail: str = ""
    lasts_seconds: float = 0.0
    """How long a server stays down, or a worker stands still."""
    draw: float = 0.0
    """In [0, 1): which of several it hits."""

    def __str__(self) -> str:
        lasts = f" for {self.lasts_seconds:.1f} s" if self.lasts_seconds else ""
        return f"{self.at_seconds:7.2f} s  {self.kind}{': ' if self.detail else ''}{self.detail}{lasts}"


def make_plan(parameters: Parameters) -> tuple[Event, ...]:
    """All events in their order."""
    random = Random(f"plan {parameters.seed}")  # noqa: S311 - to be repeatable is the point
    events = [
        *_deaths(parameters, random),
        *_stalls(parameters, random),
        *_servers(parameters, random),
        *_episodes(parameters, random),
        *_requeues(parameters, random),
    ]
    return tuple(sorted(events, key=lambda event: event.at_seconds))


def deal_deaths(count: int) -> list[tuple[Kind, str]]:
    """`count` deaths in the proportion of `DEATHS`, as evenly as whole numbers allow."""
    dealt = [0] * len(DEATHS)
    whole = sum(share for _, _, share in DEATHS)
    for number in range(1, count + 1):
        behind = [share * number / whole - had for (_, _, share), had in zip(DEATHS, dealt, strict=True)]
        dealt[behind.index(max(behind))] += 1
    return [(kind, detail) for (kind, detail, _), had in zip(DEATHS, dealt, strict=True) for _ in range(had)]


def _deaths(parameters: Parameters, random: Random) -> Iterator[Event]:
    deaths = deal_deaths(parameters.kills)
    random.shuffle(deaths)
    # Traps need work that passes by: the last are set while messages are still accepted.
    for at_seconds, (kind, detail) in zip(
        _spread(parameters.kills, 0.02, 0.78, parameters, random), deaths, strict=True
    ):
        yield Event(at_seconds=at_seconds, kind=kind, detail=detail, draw=random.random())


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


def _episodes(parameters: Parameters, random: Random) -> Iterator[Event]:
    names = list(DOUBTFUL if Ablation.RECONCILE in parameters.ablations else EPISODES)
    random.shuffle(names)
    slot_seconds = 0.9 * parameters.mischief_seconds / max(1, parameters.episodes)
    for number in range(parameters.episodes):
        begins = (number + random.uniform(0.0, 0.3)) * slot_seconds
        yield Event(at_seconds=begins, kind=Kind.FAULTS, detail=names[number % len(names)])
        yield Event(at_seconds=begins + random.uniform(0.4, 0.65) * slot_seconds, kind=Kind.FAULTS)


def _requeues(parameters: Parameters, random: Random) -> Iterator[Event]:
    for number, at_seconds in enumerate(_spread(parameters.requeues, 0.2, 1.0, parameters, random)):
        yield Event(at_seconds=at_seconds, kind=Kind.REQUEUE, detail=ONE_OPERATOR if number % 2 else TWO_OPERATORS)


def _spread(count: int, begin: float, end: float, parameters: Parameters, random: Random) -> list[float]:
    """`count` moments, one at random in each of as many equal parts between two shares of the mischief."""
    length = (end - begin) / max(1, count)
    return [
        parameters.mischief_seconds * random.uniform(begin + number * length, begin + (number + 1) * length)
        for number in range(count)
    ]
