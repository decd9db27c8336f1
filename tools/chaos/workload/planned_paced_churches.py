"""Plans small churches with a pace, most of whose messages are due at one moment. A pure function of the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tools.chaos.parameters import Parameters
from tools.chaos.workload.audiences import draw_recipients
from tools.chaos.workload.planned_messages import PlannedMessage, draw_pictures

_PACES = (1.0, 0.5, 1.5)
"""Segments a second, used in turn."""
_CHANNELS = ("sms", "sms", "sms", "sms", "mms")
"""Used in turn."""
_LONG_EVERY = 4
"""Every so manieth text has two segments, so that it overdraws the sender's tokens."""
_AT_ONCE_EVERY = 10
"""Every so manieth message is due when it is requested, the others at the common moment."""
_LATEST_REQUEST, _COMMON_DUE = 0.03, 0.05
"""Shares of `fault_seconds`: by when all is requested, and the common moment."""
_SERVED_SHARE = 0.55
"""For this share of `fault_seconds` each church has work at its pace. With the faults it lasts until the last kill."""
_FIRST_NUMBER = 2_000_001
"""Their messages are numbered from here on, so that no other message has the same number."""
_FILLING = " Grace and peace." * 10
"""Makes a text so long that it has two segments."""


@dataclass(frozen=True, kw_only=True)
class PlannedPacedChurch:
    """A church that sends one message on one channel. `message.church` follows the numbers of the other churches."""

    pace: float
    """Segments a second."""
    message: PlannedMessage


def plan_paced_churches(parameters: Parameters) -> tuple[PlannedPacedChurch, ...]:
    if not parameters.has_paces:
        return ()
    random = Random(f"paced churches {parameters.seed}")  # noqa: S311 - repeatable; another string would change every plan
    return tuple(_plan(place, parameters, random) for place in range(parameters.paced_churches))


def count_paced_deliveries(parameters: Parameters) -> int:
    """How many deliveries their messages create."""
    return sum(len(each.message.addresses) for each in plan_paced_churches(parameters))


def is_of_paced_church(message: PlannedMessage) -> bool:
    """Whether a planned church with a pace sends the message."""
    return message.number >= _FIRST_NUMBER


def _plan(place: int, parameters: Parameters, random: Random) -> PlannedPacedChurch:
    pace, channel = _PACES[place % len(_PACES)], _CHANNELS[place % len(_CHANNELS)]
    is_long = channel == "sms" and place % _LONG_EVERY == _LONG_EVERY - 1
    number = _FIRST_NUMBER + place
    body = f"Message {number} of seed {parameters.seed}{_FILLING if is_long else ''}"
    size = max(3, round(_SERVED_SHARE * parameters.fault_seconds * pace / (2 if is_long else 1)))
    at_seconds = random.uniform(0.0, _LATEST_REQUEST) * parameters.fault_seconds
    is_at_once = place % _AT_ONCE_EVERY == _AT_ONCE_EVERY - 1
    return PlannedPacedChurch(
        pace=pace,
        message=PlannedMessage(
            number=number,
            at_seconds=at_seconds,
            church=parameters.churches + place,
            channel=channel,
            body=body,
            addresses=draw_recipients(channel, random, size),
            pictures=draw_pictures(channel, random),
            delay_seconds=0.0 if is_at_once else _COMMON_DUE * parameters.fault_seconds - at_seconds,
        ),
    )
