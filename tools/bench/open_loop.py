"""Load at set times, whatever is answered: what users do."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

import uvloop

from tools.bench.http_connection import LOST, HttpConnection
from tools.bench.load import PATIENCE_SECONDS, Load, Planned, connect


def run_planned(port: int, plan: Sequence[Planned]) -> Load:
    """Send each request at its time, whatever became of those before it, over as many connections as that takes.

    A connection is opened when none is free, as clients do, and then kept. A slow answer holds up no later request, and
    what had to wait for a connection counts from its time in the plan: so nothing slow is left out of the count
    (coordinated omission).
    """
    [load] = run_together(port, plan)
    return load


def run_together(port: int, *plans: Sequence[Planned]) -> list[Load]:
    """Several plans at the same time, each with a count of its own."""

    async def run() -> list[Load]:
        return await asyncio.gather(*(_OpenLoop(port).run(plan) for plan in plans))

    return uvloop.run(run())


class _OpenLoop:
    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[HttpConnection] = []
        self._due: dict[HttpConnection, float] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._load = Load()

    async def run(self, plan: Sequence[Planned]) -> Load:
        self._zero, self._load.began_at = time.perf_counter(), time.time()
        for planned in plan:
            await self._sleep_until(self._zero + planned.at_seconds)
            self._fire(planned)
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while (self._due or self._opening) and time.perf_counter() < deadline:  # noqa: ASYNC110 - answers may never come
            await asyncio.sleep(0.005)
        self._load.answers[LOST] += len(self._due) + len(self._opening)
        for connection in (*self._due, *self._idle):
            connection.close()
        return self._load

    @staticmethod
    async def _sleep_until(moment: float) -> None:
        """The loop's timers are whole milliseconds: never early, at most so much late."""
        while (missing := moment - time.perf_counter()) > 0:  # noqa: ASYNC110 - timers may be early
            await asyncio.sleep(math.ceil(missing * 1000) / 1000)

    def _fire(self, planned: Planned) -> None:
        due = self._zero + planned.at_seconds
        while self._idle:
            connection = self._idle.pop()  # the last used first: the server closes those that rest
            if connection.is_open:
                self._send(connection, planned.request, due)
                return
        task = asyncio.get_running_loop().create_task(self._open_and_send(planned.request, due))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_and_send(self, request: bytes, due: float) -> None:
        try:
            connection = await connect(self._port, self._answered)
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
        self._load.note(status, 1000 * (now - self._due.pop(connection)))
        self._load.seconds = now - self._zero
        if connection.is_open:
            self._idle.append(connection)
