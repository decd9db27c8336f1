"""Closed-loop load: each connection sends its next request when the last one is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import uvloop

from tools.bench.http_connection import LOST, HttpConnection
from tools.bench.load import ANSWER_TIMEOUT_SECONDS, Address, Load, connect


def run_closed(port: int, make_request: Callable[[], bytes], *, connections: int, seconds: float) -> Load:
    """Keep one request in flight on each connection for this time."""
    return uvloop.run(_ClosedLoop(port, make_request, seconds=seconds).run(connections))


class _ClosedLoop:
    def __init__(self, port: int, make_request: Callable[[], bytes], *, seconds: float) -> None:
        self._address = Address(port=port)
        self._make_request = make_request
        self._seconds = seconds
        self._sent_at: dict[HttpConnection, float] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._load = Load()

    async def run(self, connections: int) -> Load:
        self._zero, self._load.began_at = time.perf_counter(), time.time()
        self._end = self._zero + self._seconds
        for _ in range(connections):  # send at once: a server may block on an idle connection
            await self._open_and_send()
        deadline = self._end + ANSWER_TIMEOUT_SECONDS
        while (self._sent_at or self._opening) and time.perf_counter() < deadline:  # noqa: ASYNC110 - until the time is up
            await asyncio.sleep(0.01)
        self._load.answers[LOST] += len(self._sent_at)
        for connection in self._sent_at:
            connection.close()
        return self._load

    def _send(self, connection: HttpConnection) -> None:
        request = self._make_request()
        self._sent_at[connection] = time.perf_counter()
        connection.send(request)

    def _answered(self, connection: HttpConnection, status: int) -> None:
        now = time.perf_counter()
        self._load.record(status, 1000 * (now - self._sent_at.pop(connection)))
        self._load.seconds = now - self._zero
        if now >= self._end:
            connection.close()
        elif connection.is_open:
            self._send(connection)
        else:
            task = asyncio.get_running_loop().create_task(self._open_and_send())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open_and_send(self) -> None:
        try:
            self._send(await connect(self._address, self._answered))
        except OSError:
            self._load.answers[LOST] += 1
