"""`receipts`: three callbacks for each of 100,000 texts, all at once: how fast they are stored and applied.

Meanwhile front ends send requests to the API.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from psycopg import Connection

from tools.bench import cpu
from tools.bench.churches import Church, create_churches, delete_all, delete_sends
from tools.bench.context import BenchContext
from tools.bench.ledger import is_drained
from tools.bench.load import Load, Planned
from tools.bench.open_loop import run_together
from tools.bench.product import Product, migrate, running_product
from tools.bench.product_send import CONTENT, all_pids, await_end, warm
from tools.bench.send_requests import SendRequests, get
from tools.sandbox.control import Faults

LATENCY_MS = 5.0
API_PER_SECOND = 100
API_SECONDS = 20.0
CHURCHES = 50

_TIMEOUT_SECONDS = 3_600.0
_POLL_SECONDS = 0.25

_RECEIPTS = """
SELECT count(*),
       count(*) FILTER (WHERE applied_at IS NULL),
       extract(epoch FROM min(received_at))::double precision,
       extract(epoch FROM max(received_at))::double precision,
       extract(epoch FROM max(applied_at))::double precision
FROM receipts
"""
_UNAPPLIED = "SELECT EXISTS (SELECT FROM receipts WHERE applied_at IS NULL)"
_STATUSES = "SELECT status::text, count(*) FROM deliveries GROUP BY status"


@dataclass(frozen=True, kw_only=True)
class ReceiptsReading:
    round: int
    sends: int
    callbacks: int
    """Callbacks that the API answered, including those that contain nothing new and are not stored."""
    callbacks_retried: int
    callbacks_given_up: int
    seconds: float
    """From the release of the callbacks to the last answer."""
    callbacks_per_second: float
    stored: int
    stored_per_second: float
    """From the first stored receipt to the last."""
    applied_per_second: float
    """From the first stored receipt to the last applied one."""
    statuses: Mapping[str, int]
    """The number of deliveries by status, at the end."""
    get_p50_ms: float | None
    get_p99_ms: float | None
    post_p50_ms: float | None
    post_p99_ms: float | None
    api_errors: Mapping[str, int]
    cpu_seconds: Mapping[str, float]

    def __str__(self) -> str:
        errors = f" ERRORS {dict(self.api_errors)}" if self.api_errors else ""
        return (
            f"round {self.round}: {self.callbacks:,} callbacks, {self.callbacks_per_second:,.0f}/s; "
            f"{self.stored:,} stored, {self.stored_per_second:,.0f}/s; applied {self.applied_per_second:,.0f}/s; "
            f"meanwhile GET p50 {self.get_p50_ms} p99 {self.get_p99_ms}, "
            f"POST p50 {self.post_p50_ms} p99 {self.post_p99_ms} ms; at the end {dict(self.statuses)}{errors}"
        )


def measure(bench: BenchContext) -> None:
    latency_ms = LATENCY_MS if bench.options.latency_ms is None else bench.options.latency_ms
    bench.machine.sandbox.set_faults(Faults(latency_ms=latency_ms))
    migrate(bench.machine)
    with bench.machine.open_ledger() as ledger:
        delete_all(ledger)
        warm_up, large, *callers = create_churches(ledger, [1_000, bench.options.sends, *[1] * CHURCHES])
        for number in range(1, bench.options.rounds + 1):
            reading = _read(bench, ledger, warm_up, large, callers, number=number)
            bench.record(asdict(reading))
            bench.terminal.finish_progress(str(reading))


def _read(
    bench: BenchContext, ledger: Connection, warm_up: Church, large: Church, callers: list[Church], *, number: int
) -> ReceiptsReading:
    machine = bench.machine
    delete_sends(ledger)
    machine.sandbox.hold_callbacks()
    with running_product(machine, settings=bench.options.settings) as product:
        warm(product, ledger, warm_up)
        machine.sandbox.reset()
        delete_sends(ledger)
        bench.terminal.show_progress(f"receipts: sending {large.members:,}, round {number}")
        message_id = product.send(large, content=CONTENT)
        await_end(bench, ledger, message_id, began=time.time(), cap_seconds=None)
        machine.wait_until(lambda: machine.sandbox.summary().under_way == 0, what="the carrier has finished")
        pids = all_pids(product)
        before = cpu.cpu_seconds(pids)
        released_at = time.time()
        machine.sandbox.release_callbacks()
        gets, posts = _ask_meanwhile(bench, product, callers)
        answered_at = _await_last(bench, ledger)
        spent = cpu.spent(before, cpu.cpu_seconds(pids))
        return _reading(bench, ledger, number, answered_at - released_at, gets, posts, spent)


def _ask_meanwhile(bench: BenchContext, product: Product, callers: list[Church]) -> tuple[Load, Load]:
    """Alternate between requests that list messages and requests that send one."""
    bench.terminal.show_progress("receipts: callbacks released")
    count = int(API_PER_SECOND * (bench.options.seconds or API_SECONDS) / 2)
    reads = [get("/api/messages?limit=20", key=caller.key) for caller in callers]
    posts = SendRequests(callers, content="Good morning!")
    gets, sends = run_together(
        product.port,
        [Planned(at_seconds=2 * n / API_PER_SECOND, request=reads[n % len(reads)]) for n in range(count)],
        [Planned(at_seconds=(2 * n + 1) / API_PER_SECOND, request=posts.make()) for n in range(count)],
    )
    return gets, sends


def _await_last(bench: BenchContext, ledger: Connection) -> float:
    """Wait until every callback is answered and every receipt applied. Return when the last answer was seen."""
    answered_at: float | None = None
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        bench.machine.programs.check()
        summary = bench.machine.sandbox.summary()
        row = ledger.execute(_UNAPPLIED).fetchone()
        bench.terminal.show_progress(f"receipts: {summary.callbacks['answered']:,} callbacks answered")
        if not summary.is_quiet or summary.callbacks["held"] or not is_drained(ledger):
            answered_at = None
        else:
            answered_at = answered_at or time.time()
            if not (row and row[0]):
                return answered_at
        time.sleep(_POLL_SECONDS)
    return time.time()


def _reading(
    bench: BenchContext,
    ledger: Connection,
    number: int,
    seconds: float,
    gets: Load,
    posts: Load,
    spent: Mapping[str, float],
) -> ReceiptsReading:
    row = ledger.execute(_RECEIPTS).fetchone()
    assert row is not None  # noqa: S101 - an aggregate: one row
    stored, unapplied, first_at, last_at, applied_at = row
    callbacks = bench.machine.sandbox.summary().callbacks
    return ReceiptsReading(
        round=number,
        sends=bench.options.sends,
        callbacks=callbacks["answered"],
        callbacks_retried=callbacks["retried"],
        callbacks_given_up=callbacks["given_up"] + callbacks["refused"],
        seconds=round(seconds, 2),
        callbacks_per_second=round(callbacks["answered"] / seconds, 1),
        stored=stored,
        stored_per_second=round(stored / (last_at - first_at), 1),
        applied_per_second=round((stored - unapplied) / (applied_at - first_at), 1),
        statuses=dict(ledger.execute(_STATUSES).fetchall()),
        get_p50_ms=gets.latency_ms(50),
        get_p99_ms=gets.latency_ms(99),
        post_p50_ms=posts.latency_ms(50),
        post_p99_ms=posts.latency_ms(99),
        api_errors={**gets.errors, **posts.errors},
        cpu_seconds=spent,
    )
