"""One reading of `send` for the product: from the POST to the last acceptance recorded in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable

from psycopg import Connection

from tools.bench import cpu
from tools.bench.churches import Church, delete_sends
from tools.bench.context import BenchContext
from tools.bench.machine import NotReady
from tools.bench.product import SMS, Product, running_product
from tools.bench.send_reading import PRODUCT, WORKERS, SendReading

WARM_UP_MEMBERS = 1_000
"""Enough that both worker processes have opened their connections, as for every peer."""

CONTENT = "Service moves to 10:30 this Sunday. See you there!"

_HAS_ENDED = """
SELECT (SELECT expanded_at FROM messages WHERE message_id = %(id)s) IS NOT NULL
       AND NOT EXISTS (
           SELECT FROM deliveries WHERE message_id = %(id)s AND status IN ('queued', 'sending')
       )
"""
_SENT = """
SELECT count(*)
FROM deliveries
WHERE message_id = %(id)s AND status NOT IN ('suppressed', 'canceled', 'queued', 'sending', 'unknown', 'failed')
"""
_SHORTEST_POLL_SECONDS, _LONGEST_POLL_SECONDS, _POLL_SHARE = 0.005, 0.25, 0.01


def read(bench: BenchContext, *, church: Church, warm_up: Church, number: int) -> SendReading:
    """Take a reading with new processes and no other deliveries. Raises NotReady, ProgramEnded and others."""
    machine = bench.machine
    with machine.open_ledger() as ledger:
        delete_sends(ledger)
        with running_product(machine, settings=bench.options.settings) as product:
            warm(product, ledger, warm_up)
            machine.sandbox.reset()
            groups = {(WORKERS if name == SMS else name): pids for name, pids in all_pids(product).items()}
            before = cpu.cpu_seconds(groups)
            began = time.time()
            message_id = product.send(church, content=CONTENT)
            ended_at = await_end(bench, ledger, message_id, began=began, cap_seconds=bench.options.cap_seconds)
            seconds = (ended_at or time.time()) - began
            sent = count_sent(ledger, message_id)
            spent = cpu.spent(before, cpu.cpu_seconds(groups))
            if ended_at is None:
                machine.programs.kill(SMS)
            return SendReading(
                candidate=PRODUCT,
                size=church.members,
                round=number,
                sent=sent,
                seconds=seconds,
                cut=ended_at is None,
                cpu_seconds=spent,
                problem=None if ended_at is None else problem_of(bench, sent=sent, size=church.members),
            )


def all_pids(product: Product) -> dict[str, tuple[int, ...]]:
    return {**product.pids(), **product.machine.pids()}


def warm(product: Product, ledger: Connection, church: Church) -> None:
    """Send a message to all members of the church and wait until it is sent."""
    message_id = product.send(church, content="Good morning!")
    product.machine.wait_until(lambda: has_ended(ledger, message_id), what="the workers have sent a first message")


def await_end(
    bench: BenchContext,
    ledger: Connection,
    message_id: str,
    *,
    began: float,
    cap_seconds: float | None,
    each_time: Callable[[], None] = lambda: None,
) -> float | None:
    """Return when the last acceptance was recorded, in seconds since the epoch (to 1%), or None at the cap."""
    while not has_ended(ledger, message_id):
        seconds = time.time() - began
        if cap_seconds is not None and seconds >= cap_seconds:
            return None
        bench.machine.programs.check()
        each_time()
        time.sleep(min(max(_POLL_SHARE * seconds, _SHORTEST_POLL_SECONDS), _LONGEST_POLL_SECONDS))
    return time.time()


def has_ended(ledger: Connection, message_id: str) -> bool:
    row = ledger.execute(_HAS_ENDED, {"id": message_id}).fetchone()
    return bool(row and row[0])


def count_sent(ledger: Connection, message_id: str) -> int:
    row = ledger.execute(_SENT, {"id": message_id}).fetchone()
    if row is None:
        raise NotReady("PostgreSQL returned no count")
    return row[0]


def problem_of(bench: BenchContext, *, sent: int, size: int) -> str | None:
    """Return what is wrong with a finished send, or None: it must be complete, and nobody may get it twice."""
    summary = bench.machine.sandbox.summary()
    if sent != size or summary.accepted != size or summary.recipients_repeated:
        return f"{sent} recorded, {summary.accepted} at the carrier, {summary.recipients_repeated} with several"
    return None
