"""`api`: latency of POST /api/messages/send at 10 and 100 requests a second and at saturation.

Measured when idle, during a large send, and for Express with BullMQ.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from psycopg import Connection

from tools.bench import cpu, express
from tools.bench.api_reading import ApiReading
from tools.bench.churches import Church, create_churches, delete_all, delete_sends
from tools.bench.closed_loop import run_closed
from tools.bench.context import BenchContext
from tools.bench.ledger import is_drained
from tools.bench.load import Planned
from tools.bench.open_loop import run_planned
from tools.bench.peers.table import EXPRESS
from tools.bench.product import migrate, running_product
from tools.bench.product_send import all_pids, has_ended, warm
from tools.bench.send_reading import PRODUCT
from tools.bench.send_requests import SendRequests
from tools.sandbox.control import Faults

SECONDS = 10.0
RATES: tuple[int | None, ...] = (10, 100, None)
"""Requests a second; None for a closed loop over 32 connections."""
CONNECTIONS = 32
CHURCHES = 50
"""They send requests in turn. Each has one member, so that the measurement covers the request, not the sending."""

_WARM_UP_SECONDS = 1.0
_DRAIN_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """A server under load."""

    candidate: str
    scenario: str
    port: int
    make_request: Callable[[], bytes]
    pids: Mapping[str, tuple[int, ...]]
    count_stored: Callable[[], int]
    """Returns how many requests the server has stored, in PostgreSQL or on its queue."""
    large_send_is_running: Callable[[], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class _Churches:
    callers: list[Church]
    warm_up: Church
    large: Church


def measure(bench: BenchContext) -> None:
    """Measure all scenarios in turn, each with the three loads, in every round."""
    bench.machine.sandbox.hold_callbacks()
    migrate(bench.machine)
    with bench.machine.open_ledger() as ledger:
        delete_all(ledger)
        warm_up, large, *callers = create_churches(ledger, [1_000, bench.options.blast, *[1] * CHURCHES])
        churches = _Churches(callers=callers, warm_up=warm_up, large=large)
        for number in range(1, bench.options.rounds + 1):
            _measure_product(bench, ledger, churches, number)
            if _is_selected(bench, EXPRESS):
                _measure_express(bench, churches, number)


def _measure_product(bench: BenchContext, ledger: Connection, churches: _Churches, number: int) -> None:
    if not _is_selected(bench, PRODUCT):
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
        for rate in RATES:  # each during its own large send, which should last longer than the load
            with _target(bench, ledger, churches, sms_processes=2, during=churches.large) as target:
                _read(bench, target, rate, number)


def _measure_express(bench: BenchContext, churches: _Churches, number: int) -> None:
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
    bench: BenchContext, ledger: Connection, churches: _Churches, *, sms_processes: int, during: Church | None = None
) -> Generator[Target]:
    """The product without messages; with `during`, while it sends to all members of that church."""
    delete_sends(ledger)
    bench.machine.sandbox.reset()
    bench.machine.sandbox.set_faults(Faults(latency_ms=bench.latency_ms))
    with running_product(bench.machine, sms_processes=sms_processes, settings=bench.options.settings) as product:
        scenario = "idle, with workers" if sms_processes else "idle, without workers"
        if sms_processes:
            warm(product, ledger, churches.warm_up)
        target = Target(
            candidate=PRODUCT,
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
                large_send_is_running=lambda: not has_ended(ledger, message_id),
            )
        yield target


def _warm_up(target: Target) -> None:
    """Let each process answer requests before the measurement."""
    run_closed(target.port, target.make_request, connections=CONNECTIONS, seconds=_WARM_UP_SECONDS)


def _read(bench: BenchContext, target: Target, rate: int | None, number: int) -> None:
    seconds = bench.options.seconds or SECONDS
    bench.terminal.show_progress(f"api: {target.candidate}, {target.scenario}, {rate or 'saturation'}, round {number}")
    stored_before = target.count_stored()
    before = cpu.cpu_seconds(target.pids)
    if rate is None:
        load = run_closed(target.port, target.make_request, connections=CONNECTIONS, seconds=seconds)
    else:
        plan = [Planned(at_seconds=n / rate, request=target.make_request()) for n in range(int(rate * seconds))]
        load = run_planned(target.port, plan)
    outlasted = target.large_send_is_running() if target.large_send_is_running else None
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
    bench.terminal.finish_progress(str(reading))


def _drain(bench: BenchContext, ledger: Connection) -> None:
    """Wait until all accepted messages are sent."""
    bench.machine.wait_until(lambda: is_drained(ledger), what="everything accepted is sent", seconds=_DRAIN_SECONDS)


def _count_messages(ledger: Connection) -> int:
    row = ledger.execute("SELECT count(*) FROM messages").fetchone()
    return row[0] if row else 0


def _is_selected(bench: BenchContext, name: str) -> bool:
    return bench.options.candidates is None or name in bench.options.candidates
