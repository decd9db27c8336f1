"""Open-loop load: requests are sent at fixed times, whether or not earlier ones are answered."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

import uvloop

from tools.bench.http_connection import LOST, HttpConnection
from tools.bench.load import ANSWER_TIMEOUT_SECONDS, Address, Load, Planned, connect


def run_planned(address: Address | int, plan: Sequence[Planned], *, idle_seconds: float = math.inf) -> Load:
    """Send each request at its planned time, over as many connections as that takes. A number is a local port.

    A connection is opened when none is idle, and then stays open. A slow answer delays no later request, and latencies
    count from the planned time, so that slow periods are not underestimated (coordinated omission). A connection that
    was idle for `idle_seconds` is closed instead of used again: the server may be closing it at the same moment.
    """
    [load] = run_together(address, plan, idle_seconds=idle_seconds)
    return load


def run_together(address: Address | int, *plans: Sequence[Planned], idle_seconds: float = math.inf) -> list[Load]:
    """Run several plans at the same time, with separate results."""
    server = Address(port=address) if isinstance(address, int) else address

    async def run() -> list[Load]:
        return await asyncio.gather(*(_OpenLoop(server, idle_seconds).run(plan) for plan in plans))

    return uvloop.run(run())


class _OpenLoop:
    def __init__(self, address: Address, idle_seconds: float) -> None:
        self._address = address
        self._idle_seconds = idle_seconds
        self._idle: list[tuple[HttpConnection, float]] = []
        """With the time of the last answer."""
        self._due: dict[HttpConnection, float] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._load = Load()

    async def run(self, plan: Sequence[Planned]) -> Load:
        self._zero, self._load.began_at = time.perf_counter(), time.time()
        for planned in plan:
            await self._sleep_until(self._zero + planned.at_seconds)
            self._fire(planned)
        deadline = time.perf_counter() + ANSWER_TIMEOUT_SECONDS
        while (self._due or self._opening) and time.perf_counter() < deadline:  # noqa: ASYNC110 - some requests may never be answered
            await asyncio.sleep(0.005)
        self._load.answers[LOST] += len(self._due) + len(self._opening)
        for connection in (*self._due, *(connection for connection, _ in self._idle)):
            connection.close()
        return self._load

    @staticmethod
    async def _sleep_until(moment: float) -> None:
        """Sleep until the moment. Timers of the loop have a resolution of a millisecond and may be late."""
        while (missing := moment - time.perf_counter()) > 0:  # noqa: ASYNC110 - timers may be early
            await asyncio.sleep(math.ceil(missing * 1000) / 1000)

    def _fire(self, planned: Planned) -> None:
        due = self._zero + planned.at_seconds
        while self._idle:
            connection, since = self._idle.pop()  # the last used first, because the server closes idle ones
            if connection.is_open and time.perf_counter() - since < self._idle_seconds:
                self._send(connection, planned.request, due)
                return
            connection.close()
        task = asyncio.get_running_loop().create_task(self._open_and_send(planned.request, due))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_and_send(self, request: bytes, due: float) -> None:
        try:
            connection = await connect(self._address, self._answered)
        except OSError:
            self._load.answers[LOST] += 1
        else:
            self._send(connection, request, due)

    def _send(self, connection: HttpConnection, request: bytes, due: float) -> None:
        self._due[connection] = due
        connection.send(request)
        self._load.late_ms.append(1000 * (time.perf_counter() - due))

    def _answered(self, connection: HttpConnection, status: int) -> None:
        now = time.perf_counter()
        self._load.record(status, 1000 * (now - self._due.pop(connection)))
        self._load.seconds = now - self._zero
        if connection.is_open:
            self._idle.append((connection, now))
