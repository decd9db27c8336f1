"""A bounded number of persistent connections to one host, and the callbacks that wait for one."""

import ssl
from asyncio import AbstractEventLoop, Task, TimerHandle, timeout
from collections import deque
from collections.abc import Callable
from typing import Generic

from tools.sandbox.callbacks.connection import CallbackConnection, Webhook
from tools.sandbox.callbacks.options import CallbackOptions

SWEEP_SECONDS = 0.25
"""How often the pool looks for callbacks whose answer is overdue."""


class ConnectionPool(Generic[Webhook]):
    """Sends callbacks to one origin, such as http://127.0.0.1:8000.

    `write` returns the whole HTTP request. `on_done` is called with the HTTP status that a callback was answered with,
    or None if there was no answer.
    """

    def __init__(
        self,
        origin: str,
        *,
        loop: AbstractEventLoop,
        write: Callable[[Webhook], bytes],
        options: CallbackOptions,
        on_done: Callable[[Webhook, int | None], None],
    ) -> None:
        scheme, _, authority = origin.partition("://")
        host, _, port = authority.partition(":")
        self._host = host
        self._port = int(port) if port else {"http": 80, "https": 443}[scheme]
        self._tls = ssl.create_default_context() if scheme == "https" else None
        self._loop = loop
        self._write = write
        self._options = options
        self._on_done = on_done
        self._idle: list[CallbackConnection[Webhook]] = []
        self._open: set[CallbackConnection[Webhook]] = set()
        self._opening: set[Task[None]] = set()
        self._sweeper: TimerHandle | None = None
        self.waiting: deque[Webhook] = deque()

    @property
    def in_flight(self) -> int:
        """How many callbacks were sent and are not answered yet."""
        return len(self._opening) + sum(connection.is_busy for connection in self._open)

    def submit(self, callback: Webhook) -> None:
        """Send the callback as soon as a connection is free."""
        self.waiting.append(callback)
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self.waiting:
            if self._idle:
                self._send(self._idle.pop(), self.waiting.popleft())
            elif len(self._open) + len(self._opening) < self._options.connections:
                task = self._loop.create_task(self._connect(self.waiting.popleft()))
                self._opening.add(task)
                task.add_done_callback(self._opened)
            else:
                return

    async def _connect(self, callback: Webhook) -> None:
        try:
            async with timeout(self._options.timeout_ms / 1000):
                _, connection = await self._loop.create_connection(
                    lambda: CallbackConnection[Webhook](on_answer=self._answered, on_lost=self._lost),
                    self._host,
                    self._port,
                    ssl=self._tls,
                )
        except OSError:
            self._on_done(callback, None)
            return
        self._open.add(connection)
        self._send(connection, callback)

    def _opened(self, task: Task[None]) -> None:
        """Called when an attempt to connect has ended. If it failed, another callback may now connect."""
        self._opening.discard(task)
        self._send_waiting()

    def _send(self, connection: CallbackConnection[Webhook], callback: Webhook) -> None:
        connection.send(callback, self._write(callback), now=self._loop.time())
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _answered(self, connection: CallbackConnection[Webhook], callback: Webhook, status: int) -> None:
        if connection.is_reusable:
            self._idle.append(connection)
        self._on_done(callback, status)
        self._send_waiting()

    def _lost(self, connection: CallbackConnection[Webhook], callback: Webhook | None) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if callback is not None:
            self._on_done(callback, None)
        self._send_waiting()

    def _sweep(self) -> None:
        """Abort the connections whose callback was not answered in time."""
        self._sweeper = None
        busy = [connection for connection in self._open if connection.is_busy]
        latest = self._loop.time() - self._options.timeout_ms / 1000
        for connection in busy:
            if connection.sent_at <= latest:
                connection.abort()
        if busy:
            self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)
