"""An Express server that enqueues each POST with BullMQ: the same request on Node."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from tools.bench.context import BenchContext
from tools.bench.machine import Machine
from tools.bench.peers.environments import NotInstalled, install
from tools.bench.peers.programs import peer_program
from tools.bench.peers.table import EXPRESS, PEERS
from tools.local import ports
from tools.local.api_client import ApiClient

_BULLMQ = next(peer for peer in PEERS if peer.name == "bullmq")


@dataclass(frozen=True, kw_only=True)
class RunningExpress:
    machine: Machine
    port: int
    pids: dict[str, tuple[int, ...]]

    def count_jobs(self) -> int:
        """Return the number of jobs on the queue. No worker runs here."""
        with self.machine.open_redis() as redis:
            return redis.llen("bull:messages:wait")


@contextmanager
def running(bench: BenchContext) -> Generator[RunningExpress | None]:
    """A cluster of two processes with an empty Redis; None when it cannot be installed, which is printed."""
    machine = bench.machine
    try:
        installed = install(_BULLMQ)
    except NotInstalled as error:
        bench.terminal.finish_progress(f"{EXPRESS}: cannot be installed: {error}")
        yield None
        return
    with machine.open_redis() as redis:
        redis.flushall()
    port = ports.choose_port()
    machine.programs.start(peer_program(machine, installed, EXPRESS, "serve.mjs", settings={"PORT": str(port)}))
    try:
        api = ApiClient(base_url=f"http://127.0.0.1:{port}", timeout_seconds=5.0)
        machine.wait_until(api.is_ready, what="Express is ready")
        pids = {"api": (machine.programs.pid(EXPRESS),), **machine.pids()}
        del pids["postgres"], pids["sandbox"]  # it uses neither
        yield RunningExpress(machine=machine, port=port, pids=pids)
    finally:
        machine.programs.stop(EXPRESS)
