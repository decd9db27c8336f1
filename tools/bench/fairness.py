"""`fairness`: how long small churches wait while one church sends to 50,000, compared with an idle system."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from psycopg import Connection

from tools.bench.churches import Church, create_churches, delete_all, delete_sends
from tools.bench.context import BenchContext
from tools.bench.ledger import accepted_at, is_drained, last_recorded
from tools.bench.load import Planned
from tools.bench.open_loop import run_planned
from tools.bench.percentiles import percentile
from tools.bench.product import migrate, running_product
from tools.bench.product_send import has_ended, warm
from tools.bench.send_requests import SendRequests
from tools.sandbox.control import Faults

SMALL_CHURCHES, MEMBERS = 99, 20
SECONDS = 20.0
"""The small churches send within this time, each at a random moment that is the same in every reading."""

_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class FairnessReading:
    scenario: str
    """idle; during a send of 50,000."""
    round: int
    waits_ms: Sequence[float]
    """For each small church: from its POST to the carrier's acceptance of its last text."""
    recorded_ms: Sequence[float]
    """For each small church: from its POST until the last acceptance was recorded in PostgreSQL."""
    errors: Mapping[str, int]
    outlasted: bool | None
    """Whether the large send was still running when the small churches were done; None without a large send."""

    def __str__(self) -> str:
        ended = " (the large send ended first)" if self.outlasted is False else ""
        errors = f" ERRORS {dict(self.errors)}" if self.errors else ""
        return (
            f"{self.scenario}, round {self.round}: {len(self.waits_ms)} churches of {MEMBERS}: last acceptance after "
            f"p50 {percentile(self.waits_ms, 50):,.0f} p95 {percentile(self.waits_ms, 95):,.0f} "
            f"max {max(self.waits_ms):,.0f} ms{errors}{ended}"
        )


@dataclass(frozen=True, kw_only=True)
class _Churches:
    warm_up: Church
    large: Church
    small: list[Church]


def measure(bench: BenchContext) -> None:
    """Measure idle and busy in turn, in every round."""
    bench.machine.sandbox.set_faults(Faults(latency_ms=bench.latency_ms))
    bench.machine.sandbox.hold_callbacks()
    migrate(bench.machine)
    with bench.machine.open_ledger() as ledger:
        delete_all(ledger)
        warm_up, large, *small = create_churches(ledger, [1_000, bench.options.blast, *[MEMBERS] * SMALL_CHURCHES])
        churches = _Churches(warm_up=warm_up, large=large, small=small)
        for number in range(1, bench.options.rounds + 1):
            for is_busy in (False, True):
                bench.terminal.show_progress(f"fairness: {'busy' if is_busy else 'idle'}, round {number}")
                reading = _read(bench, ledger, churches, number=number, is_busy=is_busy)
                bench.record(asdict(reading))
                bench.terminal.finish_progress(str(reading))


def _read(
    bench: BenchContext, ledger: Connection, churches: _Churches, *, number: int, is_busy: bool
) -> FairnessReading:
    machine, large = bench.machine, churches.large
    delete_sends(ledger)
    with running_product(machine, settings=bench.options.settings) as product:
        warm(product, ledger, churches.warm_up)
        machine.sandbox.reset()
        large_message = product.send(large, content="To all of you") if is_busy else None
        if is_busy:
            machine.wait_until(lambda: machine.sandbox.summary().accepted > 0, what="the large send has begun")
        plan = make_plan(churches.small, seconds=bench.options.seconds or SECONDS, seed=bench.options.seed)
        load = run_planned(product.port, [planned for _, planned in plan])
        ids = [church.church_id for church in churches.small]
        machine.wait_until(
            lambda: is_drained(ledger, ids),
            what="the messages of the small churches are sent",
            seconds=_TIMEOUT_SECONDS,
        )
        outlasted = None if large_message is None else not has_ended(ledger, large_message)
        posted_at = {church.church_id: load.began_at + planned.at_seconds for church, planned in plan}
        at_carrier, recorded = accepted_at(machine.sandbox), last_recorded(ledger, ids)
        return FairnessReading(
            scenario=f"during a send of {large.members:,}" if is_busy else "idle",
            round=number,
            waits_ms=[_ms(max(at_carrier[c.sender]) - posted_at[c.church_id]) for c in churches.small],
            recorded_ms=[_ms(recorded[c.church_id] - posted_at[c.church_id]) for c in churches.small],
            errors=load.errors,
            outlasted=outlasted,
        )


def make_plan(churches: list[Church], *, seconds: float, seed: int) -> list[tuple[Church, Planned]]:
    """Return one request for each church, at a random moment (seeded, so repeatable), ordered by time."""
    moments = random.Random(seed)  # noqa: S311 - must be repeatable
    plan = [
        (
            church,
            Planned(
                at_seconds=moments.uniform(0, seconds),
                request=SendRequests([church], content=f"From church {place}").make(),
            ),
        )
        for place, church in enumerate(churches)
    ]
    return sorted(plan, key=lambda pair: pair[1].at_seconds)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
