"""`api`: latency of POST /api/messages/send at 10 and 100 requests a second and at saturation.

Idle, while a large send goes on, and beside Express and BullMQ.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from psycopg import Connection

from tools.bench import cpu, express
from tools.bench.api_reading import ApiReading
from tools.bench.bench import Bench
from tools.bench.churches import Church, create_churches, forget_all, forget_sends
from tools.bench.closed_loop import run_closed
from tools.bench.ledger import is_drained
from tools.bench.load import Planned
from tools.bench.open_loop import run_planned
from tools.bench.own_send import all_pids, has_ended, warm
from tools.bench.peers.table import EXPRESS
from tools.bench.product import migrate, running_product
from tools.bench.send_reading import OURS
from tools.bench.send_requests import SendRequests
from tools.sandbox.control import Faults

SECONDS = 10.0
RATES: tuple[int | None, ...] = (10, 100, None)
"""Requests a second; None: as many as 32 connections get answered."""
CONNECTIONS = 32
CHURCHES = 50
"""They ask in turn. Each has one member: what is measured is the request, and not what follows."""

_WARM_UP_SECONDS = 1.0
_DRAIN_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that answers POSTs."""

    candidate: str
    scenario: str
    port: int
    make_request: Callable[[], bytes]
    pids: Mapping[str, tuple[int, ...]]
    count_stored: Callable[[], int]
    """How many requests it has put where they outlast it: in PostgreSQL, or on its queue."""
    outlasts: Callable[[], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class _Churches:
    callers: list[Church]
    warm_up: Church
    large: Church


def measure(bench: Bench) -> None:
    """The scenarios in turn, each with the three loads, as many rounds as asked for."""
    bench.machine.sandbox.hold_callbacks()
    migrate(bench.machine)
    with bench.machine.open_ledger() as ledger:
        forget_all(ledger)
        warm_up, large, *callers = create_churches(ledger, [1_000, bench.options.blast, *[1] * CHURCHES])
        churches = _Churches(callers=callers, warm_up=warm_up, large=large)
        for number in range(1, bench.options.rounds + 1):
            _measure_ours(bench, ledger, churches, number)
            if _wants(bench, EXPRESS):
                _measure_express(bench, churches, number)


def _measure_ours(bench: Bench, ledger: Connection, churches: _Churches, number: int) -> None:
    if not _wants(bench, OURS):
        return
    with_workers = bench.options.with_workers
    if with_workers is not True:
        with _target(bench, ledger, churches, sms_processes=0) as target:
            for rate in RATES:
                _read(bench, target, rate, number)
    if with_workers is not False:
        with _target(bench, ledger, churches, sms_processes=2) as target:
            for rate in RATES:
                _read(bench, target, rate, number)
                _drain(bench, ledger)
        for rate in RATES:  # each beside a large send of its own, which is to outlast it
            with _target(bench, ledger, churches, sms_processes=2, during=churches.large) as target:
                _read(bench, target, rate, number)


def _measure_express(bench: Bench, churches: _Churches, number: int) -> None:
    with express.running(bench) as running:
        if running is None:
            return
        target = Target(
            candidate=EXPRESS,
            scenario="idle, without workers",
            port=running.port,
            make_request=SendRequests(churches.callers, content="Good morning!").make,
            pids=running.pids,
            count_stored=running.count_jobs,
        )
        _warm_up(target)
        for rate in RATES:
            _read(bench, target, rate, number)


@contextmanager
def _target(
    bench: Bench, ledger: Connection, churches: _Churches, *, sms_processes: int, during: Church | None = None
) -> Generator[Target]:
    """The product with an empty ledger; with `during`, while everyone in that church is being sent to."""
    forget_sends(ledger)
    bench.machine.sandbox.reset()
    bench.machine.sandbox.set_faults(Faults(latency_ms=bench.latency_ms))
    with running_product(bench.machine, sms_processes=sms_processes, settings=bench.options.settings) as product:
        scenario = "idle, with workers" if sms_processes else "idle, without workers"
        if sms_processes:
            warm(product, ledger, churches.warm_up)
        target = Target(
            candidate=OURS,
            scenario=scenario,
            port=product.port,
            make_request=SendRequests(churches.callers, content="Good morning!").make,
            pids=all_pids(product),
            count_stored=lambda: _count_messages(ledger),
        )
        _warm_up(target)
        if sms_processes:
            _drain(bench, ledger)
        if during is not None:
            accepted = bench.machine.sandbox.summary().accepted
            message_id = product.send(during, content="To all of you")
            bench.machine.wait_until(
                lambda: bench.machine.sandbox.summary().accepted > accepted, what="the large send has begun"
            )
            target = replace(
                target,
                scenario=f"during a send of {during.members:,}",
                outlasts=lambda: not has_ended(ledger, message_id),
            )
        yield target


def _warm_up(target: Target) -> None:
    """Each process has answered before."""
    run_closed(target.port, target.make_request, connections=CONNECTIONS, seconds=_WARM_UP_SECONDS)


def _read(bench: Bench, target: Target, rate: int | None, number: int) -> None:
    seconds = bench.options.seconds or SECONDS
    bench.terminal.move(f"api: {target.candidate}, {target.scenario}, {rate or 'saturation'}, round {number}")
    stored_before = target.count_stored()
    before = cpu.cpu_seconds(target.pids)
    if rate is None:
        load = run_closed(target.port, target.make_request, connections=CONNECTIONS, seconds=seconds)
    else:
        plan = [Planned(at_seconds=n / rate, request=target.make_request()) for n in range(int(rate * seconds))]
        load = run_planned(target.port, plan)
    outlasted = target.outlasts() if target.outlasts else None
    spent = cpu.spent(before, cpu.cpu_seconds(target.pids))
    stored = target.count_stored() - stored_before
    reading = ApiReading.of(
        load,
        candidate=target.candidate,
        scenario=target.scenario,
        rate=rate,
        round=number,
        stored=stored,
        cpu_seconds=spent,
        outlasted=outlasted,
    )
    bench.record(asdict(reading))
    bench.terminal.settle(str(reading))


def _drain(bench: Bench, ledger: Connection) -> None:
    """Wait until everything accepted is sent."""
    bench.machine.wait_until(lambda: is_drained(ledger), what="everything accepted is sent", seconds=_DRAIN_SECONDS)


def _count_messages(ledger: Connection) -> int:
    row = ledger.execute("SELECT count(*) FROM messages").fetchone()
    return row[0] if row else 0


def _wants(bench: Bench, name: str) -> bool:
    return bench.options.candidates is None or name in bench.options.candidates
