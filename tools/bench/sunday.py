"""`sunday`: many churches whose messages become due at the same moment: how near each comes to its pace."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from psycopg import Connection
from redis import Redis
from rq import Queue

from tools.bench import cpu
from tools.bench.churches import Church, create_churches, delete_all, delete_sends
from tools.bench.context import BenchContext
from tools.bench.ledger import accepted_at, is_drained
from tools.bench.load import Planned
from tools.bench.machine import SANDBOX
from tools.bench.open_loop import run_planned
from tools.bench.pace_shares import most_within, share_of_pace
from tools.bench.percentiles import median, percentile
from tools.bench.product import Product, migrate, running_product
from tools.bench.product_send import CONTENT, all_pids, warm
from tools.bench.send_requests import SendRequests
from tools.bench.sunday_reading import Scenario, SundayReading
from tools.sandbox.control import Faults

SCENARIOS = (
    Scenario(churches=1_500, pace=1.0, members=40, lead_seconds=5.0, window_seconds=30.0),
    Scenario(churches=1_000, pace=1.0, members=40, lead_seconds=5.0, window_seconds=30.0),
    Scenario(churches=15_000, pace=0.1, members=12, lead_seconds=15.0, window_seconds=90.0),
    Scenario(churches=1_500, pace=None, members=40, lead_seconds=0.0, window_seconds=20.0),
)
SMALL_CHURCHES, SMALL_MEMBERS = 20, 20
"""Without a pace; they send one after the other while the window lasts."""
BURST_TEXTS = 10
"""No sender may be over its pace in any stretch that allows so many texts, but for one more: the first and last may
be at its ends."""

_POSTS_PER_SECOND = 200
_SAMPLE_SECONDS = 0.5
_PATIENCE_SECONDS = 900.0
_QUEUES = ("sms", "mms", "mail", "analytics")

_LAST_RECEIPTS = """
SELECT extract(epoch FROM max(received_at))::double precision, extract(epoch FROM max(applied_at))::double precision,
       count(*) FILTER (WHERE applied_at IS NULL)
FROM receipts
"""
_DELIVERED = "SELECT count(*) FROM deliveries WHERE status = 'delivered'"


def measure(bench: BenchContext) -> None:
    """Each scenario in turn, as many rounds as asked for; with `--churches` that one alone."""
    bench.machine.sandbox.set_faults(Faults(latency_ms=bench.latency_ms))
    migrate(bench.machine)
    with bench.machine.open_ledger() as ledger:
        for scenario in _chosen(bench):
            bench.terminal.show_progress(f"sunday: making {scenario.label}")
            delete_all(ledger)
            sizes = [1_000, *[SMALL_MEMBERS] * SMALL_CHURCHES, *[scenario.members] * scenario.churches]
            paces = [None] * (1 + SMALL_CHURCHES) + [scenario.pace] * scenario.churches
            warm_up, *churches = create_churches(ledger, sizes, paces=paces)
            small, large = churches[:SMALL_CHURCHES], churches[SMALL_CHURCHES:]
            for number in range(1, bench.options.rounds + 1):
                reading = _read(bench, ledger, scenario, warm_up, small, large, number=number)
                bench.record(asdict(reading))
                bench.terminal.finish_progress(str(reading))


def _chosen(bench: BenchContext) -> Sequence[Scenario]:
    options = bench.options
    if options.churches is None:
        return SCENARIOS
    seconds = options.seconds or 30.0
    lead = 5.0 if options.pace is None else max(5.0, 1.5 / options.pace)
    members = options.members or round((options.pace or 1.0) * (lead + seconds)) + 2
    return (
        Scenario(
            churches=options.churches, pace=options.pace, members=members, lead_seconds=lead, window_seconds=seconds
        ),
    )


@dataclass(kw_only=True)
class _Samples:
    """What Redis and the carrier hold, looked at now and then."""

    redis: Redis
    due_at: float
    bytes_before: int = 0
    bytes_most: int = 0
    jobs_most: int = 0
    accepted: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    next_at: float = 0.0

    def take(self, bench: BenchContext) -> None:
        if time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + _SAMPLE_SECONDS
        self.bytes_most = max(self.bytes_most, used_bytes(self.redis))
        self.jobs_most = max(self.jobs_most, sum(Queue(name, connection=self.redis).count for name in _QUEUES))
        accepted = bench.machine.sandbox.summary().accepted
        self.accepted.append((round(time.time() - self.due_at, 2), accepted))
        bench.terminal.show_progress(f"sunday: {time.time() - self.due_at:,.0f} s, {accepted:,} texts accepted")


def used_bytes(redis: Redis) -> int:
    return redis.info("memory")["used_memory"]


def _read(
    bench: BenchContext,
    ledger: Connection,
    scenario: Scenario,
    warm_up: Church,
    small: Sequence[Church],
    churches: Sequence[Church],
    *,
    number: int,
) -> SundayReading:
    machine = bench.machine
    delete_sends(ledger)
    with running_product(machine, settings=bench.options.settings) as product, machine.open_redis() as redis:
        warm(product, ledger, warm_up)
        machine.wait_until(lambda: machine.sandbox.summary().is_quiet, what="the warm-up is delivered")
        machine.sandbox.reset()
        delete_sends(ledger)
        pids = all_pids(product)
        before, bytes_before = cpu.cpu_seconds(pids), used_bytes(redis)
        due_at, errors = _post_all(bench, product, churches)
        samples = _Samples(redis=redis, due_at=due_at, bytes_before=bytes_before)
        begin = due_at + scenario.lead_seconds
        posted = _send_small(bench, product, small, samples, begin=begin, seconds=scenario.window_seconds)
        received_at, applied_at = _await_all(bench, ledger, samples)
        spent = cpu.spent(before, cpu.cpu_seconds(pids))
        return _reading(
            bench,
            ledger,
            scenario,
            samples,
            churches=churches,
            posted=posted,
            spent=spent,
            errors=errors,
            received_at=received_at,
            applied_at=applied_at,
            number=number,
        )


def _post_all(bench: BenchContext, product: Product, churches: Sequence[Church]) -> tuple[float, dict[str, int]]:
    """Post a message of each church, all due at the same moment soon after. Returns that moment, and errors."""
    seconds = len(churches) / _POSTS_PER_SECOND
    bench.terminal.show_progress(f"sunday: posting {len(churches):,} messages")
    due_at = datetime.now(UTC) + timedelta(seconds=1.3 * seconds + 3.0)
    requests = SendRequests(list(churches), content=CONTENT, send_at=due_at.isoformat())
    plan = [Planned(at_seconds=n / _POSTS_PER_SECOND, request=requests.make()) for n in range(len(churches))]
    load = run_planned(product.port, plan)
    return due_at.timestamp(), load.errors


def _send_small(
    bench: BenchContext, product: Product, small: Sequence[Church], samples: _Samples, *, begin: float, seconds: float
) -> dict[str, float]:
    """Let the small churches send, evenly over the window. Returns when each posted, by its sender."""
    posted: dict[str, float] = {}
    for place, church in enumerate(small):
        moment = begin + seconds * place / len(small)
        while time.time() < moment:
            bench.machine.programs.check()
            samples.take(bench)
            time.sleep(min(0.05, max(0.0, moment - time.time())))
        posted[church.sender] = time.time()
        product.send(church, content=CONTENT)
    return posted


def _await_all(bench: BenchContext, ledger: Connection, samples: _Samples) -> tuple[float, float]:
    """Wait until everything is sent, called back and applied. When the last receipt was stored, and applied."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        bench.machine.programs.check()
        samples.take(bench)
        if bench.machine.sandbox.summary().is_quiet and is_drained(ledger):
            row = ledger.execute(_LAST_RECEIPTS).fetchone()
            assert row is not None  # noqa: S101 - an aggregate: one row
            if (row[0] is not None and not row[2]) or time.monotonic() > deadline:
                return row[0] or time.time(), row[1] or time.time()
        if time.monotonic() > deadline:
            return time.time(), time.time()
        time.sleep(0.2)


def _reading(
    bench: BenchContext,
    ledger: Connection,
    scenario: Scenario,
    samples: _Samples,
    *,
    churches: Sequence[Church],
    posted: dict[str, float],
    spent: dict[str, float],
    errors: dict[str, int],
    received_at: float,
    applied_at: float,
    number: int,
) -> SundayReading:
    times = accepted_at(bench.machine.sandbox)
    row = ledger.execute(_DELIVERED).fetchone()
    delivered = row[0] if row else 0
    carrier = spent.pop(SANDBOX)
    per_text = 1000 / max(delivered, 1)
    return SundayReading(
        scenario=scenario.label,
        churches=scenario.churches,
        pace=scenario.pace,
        members=scenario.members,
        round=number,
        window_seconds=scenario.window_seconds,
        shares=_shares(scenario, [times.get(church.sender, []) for church in churches], due_at=samples.due_at),
        delivered=delivered,
        expected=scenario.churches * scenario.members + len(posted) * SMALL_MEMBERS,
        delivered_per_second=round(delivered / (applied_at - samples.due_at), 1),
        receipts_lag_seconds=round(max(0.0, applied_at - received_at), 2),
        cpu_ms_per_text={name: round(seconds * per_text, 4) for name, seconds in spent.items()},
        carrier_ms_per_text=round(carrier * per_text, 4),
        redis_bytes_more=samples.bytes_most - samples.bytes_before,
        jobs_waiting_most=samples.jobs_most,
        small_waits_ms=[round(1000 * (max(times[sender]) - at), 1) for sender, at in posted.items() if sender in times],
        accepted=samples.accepted,
        errors=errors,
        repeated=bench.machine.sandbox.summary().recipients_repeated,
    )


def _shares(scenario: Scenario, times: Sequence[Sequence[float]], *, due_at: float) -> dict[str, float]:
    if scenario.pace is None:
        return {}
    pace, begin = scenario.pace, due_at + scenario.lead_seconds
    end = begin + scenario.window_seconds
    shares = [share_of_pace(each, pace=pace, begin=begin, end=end) for each in times]
    return {
        "slowest": round(min(shares), 4),
        "p5": round(percentile(shares, 5), 4),
        "median": round(median(shares), 4),
        "most": round(max(most_within(each, BURST_TEXTS / pace) for each in times) / BURST_TEXTS, 4),
    }
