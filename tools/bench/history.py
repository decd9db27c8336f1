"""`history`: what sending, reading and pruning cost beside the deliveries of two years, and whether the tables grow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from psycopg import Connection

from tools.bench import cpu, history_fill, history_statements
from tools.bench.churches import Church, create_churches
from tools.bench.context import BenchContext
from tools.bench.history_fill import DAYS
from tools.bench.history_reading import SendingReading, SizeReading
from tools.bench.history_week import write_week
from tools.bench.machine import POSTGRES_SETTINGS
from tools.bench.product import Product, migrate, product_environment, running_product
from tools.bench.product_send import CONTENT, WARM_UP_MEMBERS, all_pids, warm
from tools.local.api_client import ApiClient

ROWS = 1_000_000
WEEKS = 3
MEMBERS = 10_000
PAGES = 50
_WAIT_SECONDS = 3600.0
_SETTINGS = {**POSTGRES_SETTINGS, **history_statements.SETTINGS, "autovacuum_naptime": "5s"}
"""Autovacuum looks more often, because a week passes in minutes."""

_KEEP_ALL = {"TEXTS_KEPT_DAYS": "36500", "DELIVERIES_KEPT_DAYS": "36500", "RECEIPTS_KEPT_DAYS": "36500"}
"""For the workers: only the process below prunes."""

_PRUNE = """
from jobs.job_queue.job_kinds import PRUNE
from jobs.job_queue.open_job_queue import open_job_queue
from settings import load_settings
queue = open_job_queue(load_settings())
while True:
    queue.enqueue(PRUNE, "analytics")
"""
"""The job of the product over and over, in a process of its own: a worker runs it for a moment every 15 seconds."""

_IS_DELIVERED = """
SELECT NOT EXISTS (SELECT FROM receipts WHERE applied_at IS NULL)
       AND count(*) FILTER (WHERE status = 'delivered') = %(members)s
FROM deliveries
WHERE message_id = %(id)s
"""
_TO_PRUNE = """
SELECT (SELECT count(*) FROM messages
        WHERE settled_at < now() - %(days)s * interval '1 day' AND pruned_at IS NULL)
     + (SELECT count(*) FROM (
            SELECT FROM receipts WHERE received_at < now() - %(receipt_days)s * interval '1 day' LIMIT 1
       ) AS old)
"""
_SIZES = """
SELECT relname, pg_relation_size(oid)
FROM pg_class
WHERE relkind IN ('r', 'i') AND relname ~ '^(deliveries|receipts|messages|message_totals)'
  AND pg_relation_size(oid) > 8192
"""
_VACUUMS = """
SELECT relname, n_dead_tup, autovacuum_count
FROM pg_stat_user_tables
WHERE relname IN ('deliveries', 'receipts', 'messages')
"""


def measure(bench: BenchContext) -> None:
    """Measure an empty ledger, fill it, and measure it filled."""
    rows = bench.options.rows or ROWS
    migrate(bench.machine)
    with history_fill.restarted(bench.machine, _SETTINGS):
        _measure_sending(bench, deliveries=0)
    with bench.machine.open_ledger() as ledger:
        ledger.execute("TRUNCATE churches, messages, deliveries, receipts, message_totals CASCADE")
    history_fill.fill(bench.machine, rows, report=lambda text: bench.terminal.show_progress(f"history: {text}"))
    measure_filled(bench, rows)


def measure_filled(bench: BenchContext, rows: int) -> None:
    """Measure sending, sending while a week is pruned, and weeks that are written and pruned in turn."""
    weeks = WEEKS if bench.options.weeks is None else bench.options.weeks
    a_week = rows * 7 // DAYS
    with history_fill.restarted(bench.machine, _SETTINGS):
        _record_sizes(bench, stage="filled", deliveries=rows, seconds=0.0)
        churches = _measure_sending(bench, deliveries=rows)
        _measure_pruning(bench, churches, deliveries=rows)
        for week in range(1, weeks + 1):
            began = time.monotonic()
            with bench.machine.open_ledger() as ledger:
                bench.terminal.show_progress(f"history: writing week {week}")
                write_week(ledger, a_week)
            _record_sizes(bench, stage=f"week {week} written", deliveries=rows, seconds=time.monotonic() - began)
            began = time.monotonic()
            with _pruning(bench, weeks=week + 1) as is_done:
                bench.machine.wait_until(is_done, what="a week is pruned", seconds=_WAIT_SECONDS, poll_seconds=2.0)
            _record_sizes(bench, stage=f"week {week} pruned", deliveries=rows, seconds=time.monotonic() - began)


def _measure_sending(bench: BenchContext, *, deliveries: int) -> tuple[Church, Church]:
    with bench.machine.open_ledger() as ledger:
        warm_up, church = create_churches(ledger, [WARM_UP_MEMBERS, MEMBERS])
    _send(bench, warm_up, church, deliveries=deliveries, meanwhile="nothing", pruned=lambda: 0)
    return warm_up, church


def _measure_pruning(bench: BenchContext, churches: tuple[Church, Church], *, deliveries: int) -> None:
    """Send while a week is being pruned, then wait for the end of the week."""
    before, began = _deleted(bench), time.monotonic()
    with _pruning(bench, weeks=1) as is_done:
        _send(bench, *churches, deliveries=deliveries, meanwhile="prune", pruned=lambda: _deleted(bench) - before)
        bench.machine.wait_until(is_done, what="a week is pruned", seconds=_WAIT_SECONDS, poll_seconds=1.0)
    seconds = time.monotonic() - began
    with bench.machine.open_ledger() as ledger:
        for statement in history_statements.read(ledger, deliveries=deliveries, meanwhile="prune, whole week"):
            if statement.name in ("mark for pruning", "delete deliveries", "delete receipts"):
                bench.record(asdict(statement))
    _record_sizes(bench, stage="a week pruned", deliveries=deliveries, seconds=seconds)


def _send(
    bench: BenchContext,
    warm_up: Church,
    church: Church,
    *,
    deliveries: int,
    meanwhile: str,
    pruned: Callable[[], int],
) -> None:
    """Send one message with all callbacks, read pages, and record what the statements cost."""
    bench.terminal.show_progress(f"history: sending {church.members:,}, meanwhile {meanwhile}")
    with running_product(bench.machine, settings={**_KEEP_ALL, **bench.options.settings}) as product:
        with bench.machine.open_ledger() as ledger:
            warm(product, ledger, warm_up)
            history_statements.reset(ledger)
            pids = all_pids(product)
            before, began = cpu.cpu_seconds(pids), time.monotonic()
            message_id = product.send(church, content=CONTENT)
            names = {"id": message_id, "members": church.members}
            bench.machine.wait_until(
                lambda: _is(ledger, _IS_DELIVERED, names), what="all are delivered", seconds=_WAIT_SECONDS
            )
            seconds = time.monotonic() - began
            spent = cpu.spent(before, cpu.cpu_seconds(pids))
            _read_pages(product, church, message_id)
            for statement in history_statements.read(ledger, deliveries=deliveries, meanwhile=meanwhile):
                bench.record(asdict(statement))
                bench.terminal.finish_progress(
                    f"beside {deliveries:,}, meanwhile {meanwhile}: {statement.name}: {statement.calls} calls of "
                    f"{statement.ms:.3f} ms"
                )
        reading = SendingReading(
            deliveries=deliveries,
            meanwhile=meanwhile,
            sent=church.members,
            seconds=round(seconds, 2),
            cpu_seconds=spent,
            pruned=pruned(),
            load=round(os.getloadavg()[0], 2),
        )
    bench.record(asdict(reading))
    bench.terminal.finish_progress(str(reading))


def _read_pages(product: Product, church: Church, message_id: str) -> None:
    api = ApiClient(base_url=product.api_url, key=church.key)
    for path in (f"/api/messages/{message_id}/deliveries?limit=100", "/api/messages", f"/api/messages/{message_id}"):
        for _ in range(PAGES):
            api.get(path)


@contextmanager
def _pruning(bench: BenchContext, *, weeks: int) -> Generator[Callable[[], bool]]:
    """Run the product's prune job in the block. Yields whether the oldest `weeks` are gone."""
    machine = bench.machine
    days, receipt_days = DAYS - 7 * weeks, max(30, history_fill.RECEIPT_DAYS - 7 * weeks)
    settings = {
        "ENABLE_QUEUES": "false",
        "TEXTS_KEPT_DAYS": str(days),
        "DELIVERIES_KEPT_DAYS": str(days),
        "RECEIPTS_KEPT_DAYS": str(receipt_days),
        "LOG_LEVEL": "WARNING",
    }
    environment = product_environment(machine, port=1, settings=settings)
    machine.programs.start(machine.python("prune", "-c", _PRUNE, environment=environment))
    try:
        with machine.open_ledger() as ledger:
            names = {"days": days, "receipt_days": receipt_days}
            yield lambda: _is(ledger, f"SELECT ({_TO_PRUNE}) = 0", names)
    finally:
        machine.programs.stop("prune")


def _deleted(bench: BenchContext) -> int:
    with bench.machine.open_ledger() as ledger:
        row = ledger.execute("SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'deliveries'").fetchone()
    return row[0] if row else 0


def _is(ledger: Connection, question: Any, names: Mapping[str, object]) -> bool:
    row = ledger.execute(question, names).fetchone()
    return bool(row and row[0])


def _record_sizes(bench: BenchContext, *, stage: str, deliveries: int, seconds: float) -> None:
    with bench.machine.open_ledger() as ledger:
        sizes = dict(ledger.execute(_SIZES).fetchall())
        vacuums = ledger.execute(_VACUUMS).fetchall()
    reading = SizeReading(
        stage=stage,
        deliveries=deliveries,
        sizes=sizes,
        dead={name: dead for name, dead, _ in vacuums},
        autovacuums={name: count for name, _, count in vacuums},
        seconds=round(seconds, 1),
        load=round(os.getloadavg()[0], 2),
    )
    bench.record(asdict(reading))
    total = sum(size for name, size in sizes.items() if name.startswith(("deliveries", "receipts"))) / 1e9
    bench.terminal.finish_progress(
        f"{stage}: {total:.3f} GB of deliveries and receipts, {reading.dead}, {seconds:.0f} s"
    )
