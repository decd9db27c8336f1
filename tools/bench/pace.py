"""`pace`: senders with a rate limit, served by four worker processes: how close to it they come.

Beside them the rate limits of two peers, which hold for all jobs of a queue and not for each of many senders.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from psycopg import Connection

from tools.bench import peer_send
from tools.bench.churches import Church, create_churches, delete_all, delete_sends
from tools.bench.context import BenchContext
from tools.bench.ledger import accepted_at
from tools.bench.machine import NotReady
from tools.bench.pace_shares import most_within
from tools.bench.peer_send import PeerSend
from tools.bench.peers.environments import NotInstalled, install
from tools.bench.peers.table import PEERS
from tools.bench.product import migrate, running_product
from tools.bench.product_send import warm
from tools.bench.programs import ProgramEnded
from tools.bench.send_reading import PRODUCT
from tools.sandbox.control import Faults

PACES = (1.0, 10.0, 100.0)
"""Segments a second."""
PEER_PACE = 10.0
"""Jobs a second of a peer."""
PROCESSES = 4
SECONDS = 60.0
WINDOW_SECONDS = 10.0

_SPARE_SECONDS = 15.0
"""Recipients for this much longer than the measurement, so that no sender runs out of them."""


@dataclass(frozen=True, kw_only=True)
class PaceReading:
    candidate: str = PRODUCT
    allowed: float
    """Segments a second."""
    round: int
    processes: int
    sent: int
    seconds: float
    """From the first to the last acceptance at the carrier."""
    per_second: float
    """(sent - 1) / seconds."""
    window_per_second: float
    """The highest rate over any 10 seconds."""

    def __str__(self) -> str:
        return (
            f"{self.candidate}: allowed {self.allowed:g}/s, round {self.round}: {self.sent:,} in {self.seconds:.1f} s, "
            f"{self.per_second:.3f}/s ({100 * self.per_second / self.allowed:.1f}%), "
            f"at most {self.window_per_second:.2f}/s over {WINDOW_SECONDS:.0f} s"
        )


def measure(bench: BenchContext) -> None:
    """Measure all senders at the same time, in every round."""
    seconds = bench.options.seconds or SECONDS
    bench.machine.sandbox.set_faults(Faults(latency_ms=bench.latency_ms))
    bench.machine.sandbox.hold_callbacks()
    migrate(bench.machine)
    with bench.machine.open_ledger() as ledger:
        delete_all(ledger)
        sizes = [int(pace * (seconds + _SPARE_SECONDS)) for pace in PACES]
        warm_up, *churches = create_churches(ledger, [2_000, *sizes], paces=[None, *PACES])
        for number in range(1, bench.options.rounds + 1):
            for reading in _read(bench, ledger, warm_up, churches, seconds=seconds, number=number):
                bench.record(asdict(reading))
                bench.terminal.finish_progress(str(reading))
    _measure_peers(bench, seconds)


def _measure_peers(bench: BenchContext, seconds: float) -> None:
    """Measure each peer that has a rate limit, with one sender."""
    for peer in PEERS:
        if not peer.has_rate_limit:
            continue
        bench.terminal.show_progress(f"pace: installing {peer.name}")
        try:
            installed = install(peer)
        except NotInstalled as error:
            bench.terminal.finish_progress(f"{peer.name}: cannot be installed: {error}")
            continue
        runner = PeerSend(bench=bench, installed=installed, settings={"PACE": f"{PEER_PACE:g}"})
        for number in range(1, bench.options.rounds + 1):
            try:
                reading = _read_peer(bench, runner, peer.name, seconds=seconds, number=number)
            except (NotReady, ProgramEnded) as error:
                bench.terminal.finish_progress(f"{peer.name}: {error}")
                continue
            bench.record(asdict(reading))
            bench.terminal.finish_progress(str(reading))


def _read_peer(bench: BenchContext, runner: PeerSend, name: str, *, seconds: float, number: int) -> PaceReading:
    with (
        runner.running_workers(f"{name}-pace-{number}"),
        runner.producing(int(4 * PEER_PACE * (seconds + _SPARE_SECONDS))),
    ):
        machine = bench.machine
        machine.wait_until(lambda: bool(accepted_at(machine.sandbox)), what=f"{name} has sent", poll_seconds=0.2)
        [times] = accepted_at(machine.sandbox).values()
        end = times[0] + seconds
        _wait_until(bench, end, number)
        [times] = accepted_at(machine.sandbox).values()
    within = [at for at in times if at <= end]
    return reading_of(within, allowed=PEER_PACE, number=number, candidate=name, processes=peer_send.PROCESSES)


def _read(
    bench: BenchContext, ledger: Connection, warm_up: Church, churches: Sequence[Church], *, seconds: float, number: int
) -> list[PaceReading]:
    delete_sends(ledger)
    machine = bench.machine
    with running_product(machine, sms_processes=PROCESSES, settings=bench.options.settings) as product:
        warm(product, ledger, warm_up)
        machine.sandbox.reset()
        for church in churches:
            product.send(church, content="One segment each")
        machine.wait_until(
            lambda: len(accepted_at(machine.sandbox)) == len(churches), what="each sender has sent", poll_seconds=0.2
        )
        end = max(times[0] for times in accepted_at(machine.sandbox).values()) + seconds
        _wait_until(bench, end, number)
        times = accepted_at(machine.sandbox)
    return [
        reading_of([at for at in times[church.sender] if at <= end], allowed=pace, number=number)
        for church, pace in zip(churches, PACES, strict=True)
    ]


def _wait_until(bench: BenchContext, end: float, number: int) -> None:
    while (left := end - time.time()) > 0:
        bench.terminal.show_progress(f"pace: round {number}, {left:.0f} s to go")
        bench.machine.programs.check()
        time.sleep(min(left, 1.0))


def reading_of(
    times: Sequence[float], *, allowed: float, number: int, candidate: str = PRODUCT, processes: int = PROCESSES
) -> PaceReading:
    """Return the reading for times of acceptance (seconds, in order, at least two)."""
    seconds = times[-1] - times[0]
    return PaceReading(
        candidate=candidate,
        allowed=allowed,
        round=number,
        processes=processes,
        sent=len(times),
        seconds=round(seconds, 3),
        per_second=round((len(times) - 1) / seconds, 4),
        window_per_second=most_within(times, WINDOW_SECONDS) / WINDOW_SECONDS,
    )
