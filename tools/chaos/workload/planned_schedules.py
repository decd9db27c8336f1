"""Plans the schedules: each is due once in the run. A pure function of the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tools.chaos.parameters import Parameters
from tools.chaos.workload.audiences import church_sizes, draw_recipients
from tools.chaos.workload.planned_messages import PlannedMessage, Target, draw_channel, draw_pictures
from tools.chaos.workload.recipients import contact_addresses

_FIRST_NUMBER = 1_000_001
"""The messages of schedules are numbered from here on, so that no other message has the same number."""
_LONGEST_LIST = 12
_RULE_SECONDS = 75.0
"""Rules have a resolution of a minute, so only a schedule due this long after the start can wait for its rule."""


class Trigger(StrEnum):
    """What makes the schedule run."""

    RULE = "by its rule"
    """The next time of its rule comes."""
    MADE_DUE = "made due"
    """A past time of its rule is written as its next run."""
    RUN_NOW = "run now"
    """A client requests a run."""
    PAUSED = "made due while paused"
    """As `MADE_DUE`, but the schedule is paused, so the run is skipped."""


_TRIGGERS = (Trigger.MADE_DUE, Trigger.RULE, Trigger.RUN_NOW, Trigger.MADE_DUE, Trigger.PAUSED, Trigger.RULE)
"""Used in turn."""


@dataclass(frozen=True, kw_only=True)
class PlannedSchedule:
    """A schedule, and the message that its run creates, due `message.at_seconds` after the start."""

    trigger: Trigger
    message: PlannedMessage

    @property
    def deliveries(self) -> int:
        """How many deliveries its run creates."""
        return 0 if self.trigger is Trigger.PAUSED else len(self.message.addresses)


def plan_schedules(parameters: Parameters) -> tuple[PlannedSchedule, ...]:
    """All schedules, in the order in which they are due."""
    random = Random(f"schedules {parameters.seed}")  # noqa: S311 - repeatable; another string would change every plan
    return tuple(_plan(place, parameters, random) for place in range(parameters.schedules))


def _plan(place: int, parameters: Parameters, random: Random) -> PlannedSchedule:
    due_seconds = parameters.fault_seconds * (0.05 + 0.8 * (place + random.random()) / parameters.schedules)
    trigger = _TRIGGERS[place % len(_TRIGGERS)]
    if trigger is Trigger.RULE and due_seconds < _RULE_SECONDS:
        trigger = Trigger.MADE_DUE
    sizes = church_sizes(parameters)
    church, channel = random.randrange(parameters.churches), draw_channel(random)
    to_all = sizes[church] <= _LONGEST_LIST
    recipients = draw_recipients(channel, random, random.randint(1, _LONGEST_LIST))
    number = _FIRST_NUMBER + place
    return PlannedSchedule(
        trigger=trigger,
        message=PlannedMessage(
            number=number,
            at_seconds=due_seconds,
            church=church,
            channel=channel,
            body=f"Message {number} of seed {parameters.seed}",
            addresses=contact_addresses(channel, sizes[church]) if to_all else recipients,
            target=Target.ALL if to_all else Target.LIST,
            pictures=draw_pictures(channel, random),
        ),
    )
