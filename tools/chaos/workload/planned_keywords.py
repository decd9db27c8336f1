"""Plans who writes STOP, and START later, during a run. A pure function of the parameters and the messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tools.chaos.parameters import MAIL, Parameters
from tools.chaos.workload.planned_messages import PlannedMessage
from tools.chaos.workload.recipients import UNREACHABLE

STOP_WORDS = ("STOP", "stop.", "Please STOP", "unsubscribe", "Cancel", "END", "quit")
START_WORDS = ("START", "start", "unstop")
_RETURNING_SHARE = 0.4


@dataclass(frozen=True, kw_only=True)
class PlannedKeywords:
    """One person writes STOP to a church, and perhaps START later."""

    number: int
    at_seconds: float
    """When STOP is written, after the start of the run."""
    church: int
    phone: str
    stop: str
    """The words."""
    start: str | None
    """None: the person does not come back."""
    start_after_seconds: float
    """After STOP was answered. Longer than the time in which the order of both is not known."""


def plan_keywords(parameters: Parameters, messages: Sequence[PlannedMessage]) -> tuple[PlannedKeywords, ...]:
    """People who get texts of a church, most of them several: each writes to it once, in the order of time."""
    random = Random(f"keywords {parameters.seed}")  # noqa: S311 - repeatable
    wanted: dict[tuple[int, str], int] = {}
    for message in messages:
        if message.channel != MAIL:
            for phone in message.addresses:
                if phone not in UNREACHABLE[message.channel]:
                    place = message.church, phone
                    wanted[place] = wanted.get(place, 0) + 1
    often = sorted(wanted, key=lambda place: (-wanted[place], place))[: 4 * parameters.keyword_writers]
    writers = random.sample(often, min(parameters.keyword_writers, len(often)))
    moments = sorted(random.uniform(0.05, 0.9) * parameters.request_seconds for _ in writers)
    return tuple(
        PlannedKeywords(
            number=number,
            at_seconds=moment,
            church=church,
            phone=phone,
            stop=random.choice(STOP_WORDS),
            start=random.choice(START_WORDS) if random.random() < _RETURNING_SHARE else None,
            start_after_seconds=random.uniform(3.0, max(4.0, 0.2 * parameters.fault_seconds)),
        )
        for number, (moment, (church, phone)) in enumerate(zip(moments, writers, strict=True), start=1)
    )
