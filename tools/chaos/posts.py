"""What is sent: messages of all sizes and channels from several churches. A pure function of the parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tools.chaos.audiences import church_sizes, draw_list
from tools.chaos.parameters import Ablation, Parameters
from tools.chaos.people import MAIL, contact_addresses

MOST_PICTURES = 3
SHARES: Mapping[str, float] = {"sms": 0.6, MAIL: 0.25, "mms": 0.15}
"""How many of the messages go out on each channel, in proportion."""
_LATER_SHARE = 0.1
"""How many of the messages are for a later hour."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """One message for the API, `at_seconds` after the start."""

    number: int
    at_seconds: float
    church: int
    channel: str
    body: str
    addresses: tuple[str, ...]
    """E.164 numbers, or mail addresses; each once."""
    to_all: bool
    """Whether it goes to everyone in the church, who are `addresses`."""
    pictures: int = 0
    waits_seconds: float = 0.0
    """It is to be sent so long after it was given to the API."""

    @property
    def subject(self) -> str | None:
        """Of a mail."""
        return f"News {self.number}" if self.channel == MAIL else None


def draw_channel(random: Random) -> str:
    return random.choices(list(SHARES), weights=list(SHARES.values()))[0]


def draw_pictures(channel: str, random: Random) -> int:
    return random.randint(1, MOST_PICTURES) if channel == "mms" else 0


def church_paces(parameters: Parameters, posts: Sequence[Post]) -> tuple[Mapping[str, float], ...]:
    """Segments a second by channel for each church: every second one is held to little more than it sends on average.

    So there is always something waiting, whatever else stands still. Without a clock nothing would ring for what
    waits, mischief or none: then no church has a pace.
    """
    totals = Counter[tuple[int, str]]()
    for post in posts:
        totals[post.church, post.channel] += len(post.addresses)
    return tuple(
        {channel: 1.0 + 1.2 * totals[church, channel] / parameters.posting_seconds for channel in SHARES}
        if church % 2 == 0 and Ablation.SWEEP not in parameters.ablations
        else {}
        for church in range(parameters.churches)
    )


def make_posts(parameters: Parameters, *, deliveries: int) -> tuple[Post, ...]:
    """All messages in the order to send them; their addresses add up to `deliveries`."""
    random = Random(f"posts {parameters.seed}")  # noqa: S311 - to be repeatable is the point
    sizes = church_sizes(parameters)
    audiences: list[tuple[int, str, tuple[str, ...], bool]] = []
    left = deliveries
    while left > 0:
        church = random.randrange(parameters.churches)
        channel = draw_channel(random)
        to_all = random.random() < 0.1 and sizes[church] <= left
        addresses = (
            contact_addresses(channel, sizes[church]) if to_all else draw_list(parameters, channel, random, left)
        )
        audiences.append((church, channel, addresses, to_all))
        left -= len(addresses)
    # Some at once at the start, and the last at the end of posting: whatever goes wrong, something is under way.
    moments = sorted(random.uniform(-0.05, 1.0) for _ in audiences)
    return tuple(
        Post(
            number=number,
            at_seconds=max(0.0, moment) * parameters.posting_seconds,
            church=church,
            channel=channel,
            body=f"Message {number} of seed {parameters.seed}",
            addresses=addresses,
            to_all=to_all,
            pictures=draw_pictures(channel, random),
            waits_seconds=_draw_wait(parameters, random),
        )
        for number, (moment, (church, channel, addresses, to_all)) in enumerate(
            zip(moments, audiences, strict=True), start=1
        )
    )


def _draw_wait(parameters: Parameters, random: Random) -> float:
    return random.uniform(1.0, 0.15 * parameters.mischief_seconds) if random.random() < _LATER_SHARE else 0.0
