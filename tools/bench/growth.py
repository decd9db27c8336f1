"""`growth`: how the cost of a send depends on its size and on the rows already in the table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from psycopg import Connection
from redis import Redis
from rq import Queue

from tools.bench import cpu, expansion
from tools.bench.churches import Church, create_churches, delete_all, delete_sends
from tools.bench.context import BenchContext
from tools.bench.old_deliveries import OldDeliveries
from tools.bench.product import SMS, migrate, running_product
from tools.bench.product_send import CONTENT, WARM_UP_MEMBERS, all_pids, await_end, count_sent, problem_of, warm
from tools.sandbox.control import Faults

SIZES = (1_000, 10_000, 100_000, 1_000_000)
OLD_DELIVERIES = (10, 1_000, 100_000, 1_000_000, 5_000_000)
SIZE_WITH_OLD = 10_000
"""Recipients of the sends into a table with old deliveries."""

_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class GrowthReading:
    kind: str = "send"
    round: int
    size: int
    old_deliveries: int
    """Old deliveries in the table; 0 for a reading by size."""
    sent: int
    seconds: float
    per_second: float
    cpu_seconds: Mapping[str, float]
    worker_ms_per_send: float
    postgres_ms_per_send: float
    redis_bytes_before: int
    redis_bytes_peak: int
    deepest_queue: int
    """The most jobs on the sms queue in any sample."""
    problem: str | None

    def __str__(self) -> str:
        problem = f" PROBLEM: {self.problem}" if self.problem else ""
        return (
            f"{self.size:>9,} beside {self.old_deliveries:,} old, round {self.round}: {self.per_second:,.0f}/s, CPU a "
            f"send {self.worker_ms_per_send:.3f} ms worker, {self.postgres_ms_per_send:.3f} ms PostgreSQL; Redis "
            f"+{(self.redis_bytes_peak - self.redis_bytes_before) / 1024:,.0f} KiB, at most {self.deepest_queue} jobs "
            f"waiting{problem}"
        )


def measure(bench: BenchContext) -> None:
    """Measure the sizes, then expansions, then one size with a growing number of old deliveries."""
    bench.machine.sandbox.set_faults(Faults(latency_ms=bench.latency_ms))
    bench.machine.sandbox.hold_callbacks()
    migrate(bench.machine)
    sizes = bench.options.sizes or SIZES
    olds = OLD_DELIVERIES if bench.options.old_deliveries is None else bench.options.old_deliveries
    with bench.machine.open_ledger() as ledger:
        delete_all(ledger)
        bench.terminal.show_progress("growth: creating contacts")
        warm_up, *churches = create_churches(
            ledger, [WARM_UP_MEMBERS, *sizes, SIZE_WITH_OLD, min(expansion.RECIPIENTS, bench.options.blast)]
        )
        *by_size, beside_old, to_expand = churches
        _measure_sizes(bench, ledger, warm_up, by_size)
        _measure_expansion(bench, ledger, to_expand)
        _measure_old(bench, ledger, warm_up, beside_old, sorted(olds))


def _measure_sizes(bench: BenchContext, ledger: Connection, warm_up: Church, churches: Sequence[Church]) -> None:
    for church in churches:
        for number in range(1, bench.options.rounds + 1):
            bench.terminal.show_progress(f"growth: {church.members:,} recipients, round {number}")
            delete_sends(ledger)
            _read(bench, ledger, warm_up, church, number=number, old=0)
    delete_sends(ledger)


def _measure_old(bench: BenchContext, ledger: Connection, warm_up: Church, church: Church, olds: Sequence[int]) -> None:
    old_deliveries = OldDeliveries(ledger, most=max(olds))
    for old in olds:
        old_deliveries.fill_up(old, report=lambda text: bench.terminal.show_progress(f"growth: {text}"))
        for number in range(1, bench.options.rounds + 1):
            bench.terminal.show_progress(f"growth: {old:,} old deliveries, round {number}")
            _delete_sends_of(ledger, warm_up, church)
            _read(bench, ledger, warm_up, church, number=number, old=old_deliveries.count)


def _measure_expansion(bench: BenchContext, ledger: Connection, church: Church) -> None:
    for number in range(1, bench.options.rounds + 1):
        delete_sends(ledger)
        reading = expansion.read(ledger, database_url=bench.machine.database_url, church=church, number=number)
        bench.record(asdict(reading))
        bench.terminal.finish_progress(str(reading))
    delete_sends(ledger)


def _read(bench: BenchContext, ledger: Connection, warm_up: Church, church: Church, *, number: int, old: int) -> None:
    machine = bench.machine
    with running_product(machine, settings=bench.options.settings) as product, machine.open_redis() as redis:
        warm(product, ledger, warm_up)
        machine.sandbox.reset()
        pids = all_pids(product)
        samples = _Samples(redis)
        before = cpu.cpu_seconds(pids)
        began = time.time()
        message_id = product.send(church, content=CONTENT)
        ended_at = await_end(bench, ledger, message_id, began=began, cap_seconds=None, each_time=samples.take)
        spent = cpu.spent(before, cpu.cpu_seconds(pids))
        assert ended_at is not None  # noqa: S101 - there is no cap
        sent = count_sent(ledger, message_id)
        reading = GrowthReading(
            round=number,
            size=church.members,
            old_deliveries=old,
            sent=sent,
            seconds=round(ended_at - began, 3),
            per_second=round(sent / (ended_at - began), 1),
            cpu_seconds=spent,
            worker_ms_per_send=round(1000 * spent[SMS] / max(sent, 1), 4),
            postgres_ms_per_send=round(1000 * spent["postgres"] / max(sent, 1), 4),
            redis_bytes_before=samples.bytes_before,
            redis_bytes_peak=samples.bytes_peak,
            deepest_queue=samples.deepest_queue,
            problem=problem_of(bench, sent=sent, size=church.members),
        )
    bench.record(asdict(reading))
    bench.terminal.finish_progress(str(reading))


class _Samples:
    """Samples the memory of Redis and the length of the sms queue."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue = Queue("sms", connection=redis)
        self._next_at = 0.0
        self.bytes_before = self.bytes_peak = self._used_bytes()
        self.deepest_queue = 0

    def take(self) -> None:
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + _SAMPLE_SECONDS
            self.bytes_peak = max(self.bytes_peak, self._used_bytes())
            self.deepest_queue = max(self.deepest_queue, self._queue.count)

    def _used_bytes(self) -> int:
        return self._redis.info("memory")["used_memory"]


def _delete_sends_of(ledger: Connection, *churches: Church) -> None:
    """Delete the messages of these churches and vacuum; old deliveries stay."""
    names = {"churches": [church.church_id for church in churches]}
    ledger.execute("DELETE FROM deliveries WHERE church_id = ANY (%(churches)s::uuid[])", names)
    ledger.execute("DELETE FROM messages WHERE church_id = ANY (%(churches)s::uuid[])", names)
    ledger.execute("VACUUM (ANALYZE) deliveries, messages")
