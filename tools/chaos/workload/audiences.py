"""Draws the audiences of messages: how large the churches are, and lists of recipients. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from tools.chaos.parameters import Parameters
from tools.chaos.workload.recipients import RECIPIENTS, UNREACHABLE, address

LARGEST_CHURCH = 10_000
_LONGEST_LIST = 1_000
SMALL_LIST = 20

GROUPS: Mapping[str, int] = {"Choir": 2, "Youth": 3}
"""The groups of each church to which messages go: every so manieth of its contacts is a member. Some are in both."""
EXCLUDED_GROUP = "Staff"
"""The group that these messages exclude."""
_EXCLUDED_EVERY = 5


def church_sizes(parameters: Parameters) -> tuple[int, ...]:
    """The number of contacts of each church, the largest first."""
    largest = max(5, min(LARGEST_CHURCH, parameters.deliveries // 20))
    return tuple(max(2, largest // 4**church) for church in range(parameters.churches))


def members(group: str, size: int) -> tuple[int, ...]:
    """The numbers of the contacts that are in the group, in a church of that size."""
    if group == EXCLUDED_GROUP:
        return tuple(range(_EXCLUDED_EVERY - 1, size, _EXCLUDED_EVERY))
    return tuple(range(0, size, GROUPS[group]))


def group_addresses(channel: str, size: int) -> tuple[str, ...]:
    """The addresses on the channel of all who are in one of GROUPS and not in the excluded one."""
    included = {number for group in GROUPS for number in members(group, size)}
    return tuple(address(channel, number) for number in sorted(included - set(members(EXCLUDED_GROUP, size))))


def draw_list(parameters: Parameters, channel: str, random: Random, remaining: int) -> tuple[str, ...]:
    """A list of at most `remaining` addresses: mostly small; one in three has up to a fiftieth of all deliveries."""
    longest = max(SMALL_LIST, min(_LONGEST_LIST, parameters.deliveries // 50))
    is_long = random.random() < 0.33
    size = min(remaining, random.randint(SMALL_LIST, longest) if is_long else random.randint(1, SMALL_LIST))
    return draw_recipients(channel, random, size)


def draw_recipients(channel: str, random: Random, size: int) -> tuple[str, ...]:
    """`size` addresses; in one list of five the last of them cannot be reached."""
    start = random.randrange(RECIPIENTS - size)
    addresses = [address(channel, number) for number in range(start, start + size)]
    if size >= 3 and random.random() < 0.2:
        addresses[-1] = random.choice(UNREACHABLE[channel])
    return tuple(addresses)
