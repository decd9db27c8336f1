"""For whom messages are: everyone in a church, or a list. Drawn from the parameters alone."""

from __future__ import annotations

from random import Random

from tools.chaos.parameters import Parameters
from tools.chaos.people import PEOPLE, SPECIAL, address

LARGEST_CHURCH = 10_000
_LISTED_AT_MOST = 1_000
SMALL_LIST = 20


def church_sizes(parameters: Parameters) -> tuple[int, ...]:
    """The contacts of each church, the largest first."""
    largest = max(5, min(LARGEST_CHURCH, parameters.deliveries // 20))
    return tuple(max(2, largest // 4**church) for church in range(parameters.churches))


def draw_list(parameters: Parameters, channel: str, random: Random, left: int) -> tuple[str, ...]:
    """Mostly small; one in three up to a fiftieth of everything. At most `left`."""
    longest = max(SMALL_LIST, min(_LISTED_AT_MOST, parameters.deliveries // 50))
    is_long = random.random() < 0.33
    size = min(left, random.randint(SMALL_LIST, longest) if is_long else random.randint(1, SMALL_LIST))
    return draw_people(channel, random, size)


def draw_people(channel: str, random: Random, size: int) -> tuple[str, ...]:
    """So many, and sometimes the last of them can never be reached."""
    start = random.randrange(PEOPLE - size)
    addresses = [address(channel, number) for number in range(start, start + size)]
    if size >= 3 and random.random() < 0.2:
        addresses[-1] = random.choice(SPECIAL[channel])
    return tuple(addresses)
