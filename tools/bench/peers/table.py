"""The peers, and how each is run with its best settings.

The contract of a peer's folder: `requirements.txt` (pinned and hashed, locked from `requirements.in`) defines its
environment. `produce COUNT FIRST` enqueues one job for each of COUNT recipients, counted from FIRST, and prints
`{"began_at": …}` before the first and `{"ended_at": …, "cpu_seconds": …}` after the last (times since the epoch, in
seconds). `work` executes them in one process, and prints `worker ready` when it is ready. Both are configured by
environment variables: REDIS_URL, CARRIER_URL, CARRIER_USER, CARRIER_PASSWORD, STATUS_CALLBACK, CONCURRENCY (concurrent
jobs in one process), and PACE (jobs a second, for a peer that `has_rate_limit`; without it there is no limit).
`submission/` contains what the jobs of several peers share.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SUBMISSION = FOLDER / "submission"

PYTHON, NODE = "python", "node"

READY = "worker ready"

EXPRESS = "express"
"""Only for `api`: Express in front of BullMQ, in BullMQ's environment."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One peer. Commands are the arguments of the interpreter."""

    name: str
    """The name of its folder."""
    title: str
    """Its usual name, and how it is run here."""
    concurrency: int
    """The fastest value found with `--concurrency NAME=N` at a carrier latency of 100 ms."""
    work: str
    """`{concurrency}` stands for CONCURRENCY, `{number}` for the number of the worker."""
    produce: str = "produce.py"
    interpreter: str = PYTHON
    """`python` or `node`, of the peer's own environment."""
    has_rate_limit: bool = False
    """Whether it can limit the jobs a second. No peer has a limit for each of many senders."""
    warm_up_jobs: int = 1_000
    """Jobs sent before a reading, so that imports are done and connections open."""

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def work_command(self, *, concurrency: int, number: int) -> tuple[str, ...]:
        return tuple(shlex.split(self.work.format(concurrency=concurrency, number=number)))

    def produce_command(self, count: int, *, first: int) -> tuple[str, ...]:
        return (*shlex.split(self.produce), str(count), str(first))


PEERS = (
    Peer(
        name="rq",
        title="RQ, its default worker (a fork for each job)",
        concurrency=1,
        work="work.py",
        warm_up_jobs=4,
    ),
    Peer(
        name="celery",
        title="Celery, threads",
        concurrency=200,
        has_rate_limit=True,
        work="-m celery --app tasks worker --pool threads --concurrency {concurrency} --hostname worker{number}@bench "
        "--without-gossip --without-mingle --without-heartbeat --loglevel WARNING",
    ),
    Peer(
        name="dramatiq",
        title="Dramatiq, threads",
        concurrency=200,
        work="-m dramatiq tasks --processes 1 --threads {concurrency}",
    ),
    Peer(
        name="huey",
        title="Huey, threads",
        concurrency=200,
        work="-m huey.bin.huey_consumer tasks.queue --worker-type thread --workers {concurrency} --no-periodic --quiet",
    ),
    Peer(
        name="arq",
        title="arq, asyncio",
        concurrency=500,
        work="work.py",
    ),
    Peer(
        name="taskiq",
        title="taskiq on Redis streams, asyncio",
        concurrency=500,
        work="-m taskiq worker tasks:broker --workers 1 --max-async-tasks {concurrency} --max-prefetch {concurrency} "
        "--no-parse --log-level WARNING",
    ),
    Peer(
        name="bullmq",
        title="BullMQ on Node",
        concurrency=500,
        has_rate_limit=True,
        work="work.mjs",
        produce="produce.mjs",
        interpreter=NODE,
    ),
)
