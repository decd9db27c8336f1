"""Plans the messages: all sizes and channels, from several churches. A pure function of the parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tools.chaos.parameters import CHANNEL_SHARES, MAIL, Parameters
from tools.chaos.workload.audiences import church_sizes, draw_list, group_addresses
from tools.chaos.workload.recipients import MERGE_FIELDS, contact_addresses

MOST_PICTURES = 3
_DELAYED_SHARE = 0.1
"""The share of the messages that is accepted with a later `sendAt`."""
_TO_ALL_SHARE, _TO_GROUPS_SHARE = 0.1, 0.1
_MERGED_SHARE = 0.7
"""The share, of the messages to all contacts or to groups, that have merge fields."""


class Target(StrEnum):
    """Whom a message is for."""

    LIST = "a list of addresses"
    ALL = "all contacts"
    GROUPS = "groups"
    """Several groups, without those who are in another one."""


@dataclass(frozen=True, kw_only=True)
class PlannedMessage:
    """One message, requested `at_seconds` after the start."""

    number: int
    at_seconds: float
    church: int
    channel: str
    body: str
    """With its merge fields."""
    addresses: tuple[str, ...]
    """E.164 numbers or mail addresses, without duplicates."""
    target: Target = Target.LIST
    """Of which `addresses` are the addresses."""
    pictures: int = 0
    delay_seconds: float = 0.0
    """How long after the request its `sendAt` is; 0: it has none."""

    @property
    def subject(self) -> str | None:
        """Only of a mail."""
        return f"News {self.number}" if self.channel == MAIL else None


def draw_channel(random: Random) -> str:
    return random.choices(list(CHANNEL_SHARES), weights=list(CHANNEL_SHARES.values()))[0]


def draw_pictures(channel: str, random: Random) -> int:
    return random.randint(1, MOST_PICTURES) if channel == "mms" else 0


def church_paces(parameters: Parameters, messages: Sequence[PlannedMessage]) -> tuple[Mapping[str, float], ...]:
    """Segments a second by channel for each church. Every second church is limited to little more than its average.

    So some of its deliveries always wait for the pace, whatever else is stopped. The first and largest has no pace.
    """
    totals = Counter[tuple[int, str]]()
    for message in messages:
        totals[message.church, message.channel] += len(message.addresses)
    return tuple(
        {
            channel: round(1.0 + 1.2 * totals[church, channel] / parameters.request_seconds, 1)
            for channel in CHANNEL_SHARES
        }
        if church % 2 and parameters.has_paces
        else {}
        for church in range(parameters.churches)
    )


def plan_messages(parameters: Parameters, *, deliveries: int) -> tuple[PlannedMessage, ...]:
    """All messages in the order of their requests; their addresses add up to `deliveries`."""
    random = Random(f"posts {parameters.seed}")  # noqa: S311 - repeatable; another string would change every plan
    sizes = church_sizes(parameters)
    audiences: list[tuple[int, str, Target, tuple[str, ...]]] = []
    remaining = deliveries
    while remaining > 0:
        church = random.randrange(parameters.churches)
        channel = draw_channel(random)
        target = _draw_target(random) if sizes[church] <= remaining else Target.LIST
        match target:
            case Target.ALL:
                addresses = contact_addresses(channel, sizes[church])
            case Target.GROUPS:
                addresses = group_addresses(channel, sizes[church])
            case Target.LIST:
                addresses = draw_list(parameters, channel, random, remaining)
        audiences.append((church, channel, target, addresses))
        remaining -= len(addresses)
    # Some requests at the very start, the last at the end of `request_seconds`: every fault meets work in progress.
    moments = sorted(random.uniform(-0.05, 1.0) for _ in audiences)
    return tuple(
        PlannedMessage(
            number=number,
            at_seconds=max(0.0, moment) * parameters.request_seconds,
            church=church,
            channel=channel,
            body=f"Message {number} of seed {parameters.seed}{_draw_merge_fields(target, random)}",
            addresses=addresses,
            target=target,
            pictures=draw_pictures(channel, random),
            delay_seconds=_draw_delay(parameters, random),
        )
        for number, (moment, (church, channel, target, addresses)) in enumerate(
            zip(moments, audiences, strict=True), start=1
        )
    )


def _draw_target(random: Random) -> Target:
    draw = random.random()
    if draw < _TO_ALL_SHARE:
        return Target.ALL
    return Target.GROUPS if draw < _TO_ALL_SHARE + _TO_GROUPS_SHARE else Target.LIST


def _draw_merge_fields(target: Target, random: Random) -> str:
    return f" {MERGE_FIELDS}" if target is not Target.LIST and random.random() < _MERGED_SHARE else ""


def _draw_delay(parameters: Parameters, random: Random) -> float:
    return random.uniform(1.0, 0.15 * parameters.fault_seconds) if random.random() < _DELAYED_SHARE else 0.0
