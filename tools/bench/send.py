"""`send`: N recipients through the whole product, compared with one job for each of N recipients on each peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from tools.bench import peer_send, product_send
from tools.bench.churches import create_churches, delete_all
from tools.bench.context import BenchContext
from tools.bench.peers.environments import NotInstalled, install
from tools.bench.peers.table import PEERS
from tools.bench.product import migrate
from tools.bench.send_reading import PRODUCT, SendReading
from tools.sandbox.control import Faults

SIZES = (1_000, 10_000, 100_000)

_Read = Callable[[int, int], SendReading]
"""Arguments: size, round."""


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    name: str
    read: _Read


def measure(bench: BenchContext) -> None:
    """Measure all candidates in turn, for each size and round. Raises machine.NotReady and others."""
    sizes = bench.options.sizes or SIZES
    bench.machine.sandbox.set_faults(Faults(latency_ms=bench.latency_ms))
    bench.machine.sandbox.hold_callbacks()
    candidates = [*_product(bench, sizes), *_peers(bench)]
    for size in sizes:
        for number in range(1, bench.options.rounds + 1):
            for candidate in candidates:
                bench.terminal.show_progress(f"send {size:,}: {candidate.name}, round {number}")
                reading = candidate.read(size, number)
                bench.record(asdict(reading))
                bench.terminal.finish_progress(str(reading))


def _product(bench: BenchContext, sizes: tuple[int, ...]) -> list[_Candidate]:
    if not _is_wanted(bench, PRODUCT):
        return []
    migrate(bench.machine)
    with bench.machine.open_ledger() as ledger:
        delete_all(ledger)
        warm_up, *churches = create_churches(ledger, [product_send.WARM_UP_MEMBERS, *sizes])
    by_size = dict(zip(sizes, churches, strict=True))
    return [
        _Candidate(
            name=PRODUCT,
            read=lambda size, number: product_send.read(bench, church=by_size[size], warm_up=warm_up, number=number),
        )
    ]


def _peers(bench: BenchContext) -> list[_Candidate]:
    candidates: list[_Candidate] = []
    for peer in PEERS:
        if not _is_wanted(bench, peer.name):
            continue
        bench.terminal.show_progress(f"send: installing {peer.name}")
        try:
            installed = install(peer)
        except NotInstalled as error:
            bench.terminal.finish_progress(f"{peer.name}: cannot be installed: {error}")
            absent = SendReading.absent(peer.name, problem=f"cannot be installed: {error}")
            bench.record(asdict(absent))
            continue
        runner = peer_send.PeerSend(bench=bench, installed=installed)
        candidates.append(_Candidate(name=peer.name, read=runner.read))
    return candidates


def _is_wanted(bench: BenchContext, name: str) -> bool:
    return bench.options.candidates is None or name in bench.options.candidates
