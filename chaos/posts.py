"""What is sent: messages of all sizes from several churches. A pure function of the parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from chaos.parameters import Ablation, Parameters

LARGEST_CHURCH = 10_000
_LISTED_AT_MOST = 1_000

_SPECIAL = (
    "+15005550001",  # refused: 21211
    "+15005550009",  # refused: 21614
    "+15005530005",  # undelivered
    "+15005530006",  # undelivered
    "+15005530007",  # failed
)
"""Numbers that the sandbox refuses or fails, always the same way."""
REFUSED = frozenset(_SPECIAL[:2])
"""Those of them that the carrier never takes."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """One message for the API, `at_seconds` after the start."""

    number: int
    at_seconds: float
    church: int
    body: str
    addresses: tuple[str, ...]
    """E.164, each once."""
    to_all: bool
    """Whether it goes to everyone in the church, who are `addresses`."""


def church_sizes(parameters: Parameters) -> tuple[int, ...]:
    """The contacts of each church, the largest first."""
    largest = max(5, min(LARGEST_CHURCH, parameters.deliveries // 20))
    return tuple(max(2, largest // 4**church) for church in range(parameters.churches))


def church_paces(parameters: Parameters, posts: Sequence[Post]) -> tuple[float | None, ...]:
    """Segments a second for each church: every second one is held to little more than what it sends on average.

    So there is always something waiting, whatever else stands still. Without a clock nothing would ring for what
    waits, mischief or none: then no church has a pace.
    """
    totals = Counter[int]()
    for post in posts:
        totals[post.church] += len(post.addresses)
    return tuple(
        1.0 + 1.2 * totals[church] / parameters.posting_seconds
        if church % 2 == 0 and Ablation.SWEEP not in parameters.ablations
        else None
        for church in range(parameters.churches)
    )


def contact_addresses(size: int) -> tuple[str, ...]:
    """The numbers of a church of that size. Churches share them, as families in two churches do."""
    return tuple(_address(number) for number in range(size))


def make_posts(parameters: Parameters) -> tuple[Post, ...]:
    """All messages in the order to send them; their addresses add up to `deliveries`."""
    random = Random(f"posts {parameters.seed}")  # noqa: S311 - to be repeatable is the point
    sizes = church_sizes(parameters)
    audiences: list[tuple[int, tuple[str, ...], bool]] = []
    left = parameters.deliveries
    while left > 0:
        church = random.randrange(parameters.churches)
        to_all = random.random() < 0.1 and sizes[church] <= left
        addresses = contact_addresses(sizes[church]) if to_all else _listed(parameters, random, left)
        audiences.append((church, addresses, to_all))
        left -= len(addresses)
    # Some at once at the start, and the last at the end of posting: whatever goes wrong, something is under way.
    moments = sorted(random.uniform(-0.05, 1.0) for _ in audiences)
    return tuple(
        Post(
            number=number,
            at_seconds=max(0.0, moment) * parameters.posting_seconds,
            church=church,
            body=f"Message {number} of seed {parameters.seed}",
            addresses=addresses,
            to_all=to_all,
        )
        for number, (moment, (church, addresses, to_all)) in enumerate(zip(moments, audiences, strict=True), start=1)
    )


def _listed(parameters: Parameters, random: Random, left: int) -> tuple[str, ...]:
    """Mostly small; one in three up to a fiftieth of everything."""
    longest = max(20, min(_LISTED_AT_MOST, parameters.deliveries // 50))
    size = min(left, random.randint(20, longest) if random.random() < 0.33 else random.randint(1, 20))
    start = random.randrange(20_000 - size)
    addresses = [_address(number) for number in range(start, start + size)]
    if size >= 3 and random.random() < 0.2:
        addresses[-1] = random.choice(_SPECIAL)
    return tuple(addresses)


def _address(number: int) -> str:
    """The `number`-th of 20,000 valid American numbers."""
    return f"+1{('202', '212')[number // 10_000]}555{number % 10_000:04d}"
