"""What is sent by schedules: each runs once during the mischief. A pure function of the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tools.chaos.audiences import church_sizes, draw_people
from tools.chaos.parameters import Parameters
from tools.chaos.people import contact_addresses
from tools.chaos.posts import Post, draw_channel, draw_pictures

_FIRST_NUMBER = 1_000_001
"""Of the messages of schedules: no other message has such a number."""
_LONGEST_LIST = 12
_BY_ITSELF_SECONDS = 75.0
"""Rules know no seconds. So only what is due this long after the start can be left to the rule."""


class Way(StrEnum):
    """How it comes to its run."""

    BY_ITSELF = "by itself"
    """The rule's own time comes."""
    MOVED = "moved"
    """A time of the rule that is over already is written down as the next."""
    BY_HAND = "by hand"
    """Somebody has it run now."""
    PAUSED = "paused"
    """As `MOVED`, but it is paused: the run is skipped."""


_WAYS = (Way.MOVED, Way.BY_ITSELF, Way.BY_HAND, Way.MOVED, Way.PAUSED, Way.BY_ITSELF)
"""In turn."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """One of a church's, and the message that its run becomes, due `post.at_seconds` after the start."""

    way: Way
    post: Post

    @property
    def deliveries(self) -> int:
        """How many its run makes."""
        return 0 if self.way is Way.PAUSED else len(self.post.addresses)


def make_schedules(parameters: Parameters) -> tuple[Schedule, ...]:
    """All of them, in the order in which they come due."""
    random = Random(f"schedules {parameters.seed}")  # noqa: S311 - to be repeatable is the point
    return tuple(_make(place, parameters, random) for place in range(parameters.schedules))


def _make(place: int, parameters: Parameters, random: Random) -> Schedule:
    due_seconds = parameters.mischief_seconds * (0.05 + 0.8 * (place + random.random()) / parameters.schedules)
    way = _WAYS[place % len(_WAYS)]
    if way is Way.BY_ITSELF and due_seconds < _BY_ITSELF_SECONDS:
        way = Way.MOVED
    sizes = church_sizes(parameters)
    church, channel = random.randrange(parameters.churches), draw_channel(random)
    to_all = sizes[church] <= _LONGEST_LIST
    people = draw_people(channel, random, random.randint(1, _LONGEST_LIST))
    number = _FIRST_NUMBER + place
    return Schedule(
        way=way,
        post=Post(
            number=number,
            at_seconds=due_seconds,
            church=church,
            channel=channel,
            body=f"Message {number} of seed {parameters.seed}",
            addresses=contact_addresses(channel, sizes[church]) if to_all else people,
            to_all=to_all,
            pictures=draw_pictures(channel, random),
        ),
    )
