"""The gunicorn worker: an event loop for all clients, and a pool of threads for the application."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import uvloop
from gunicorn.config import Config
from gunicorn.errors import ConfigError
from gunicorn.glogging import Logger
from gunicorn.workers import base

from api.server.connection import Connection, ConnectionContext
from api.server.connections import Connections
from api.server.limits import Limits
from api.server.responses import ReadRequest, SerializedResponse, run_application

_SWEEP_SECONDS = 0.25
_STOPPING_SECONDS = 2.0
"""When the process ends, an idle client may just be sending its next request: it is waited for so long."""
_OTHER_FILES = 200
"""File descriptors that are not clients' connections: PostgreSQL, Redis, listening sockets, logs."""


class BufferingWorker(base.Worker):
    """Serves plain HTTP/1.1 with gunicorn's parser and its rules about forwarded headers.

    A thread is taken when a request has arrived whole, and given back before the answer is sent: however many clients
    are slow, or idle, they cost memory within the limits and nothing else. Of gunicorn's settings, `threads`,
    `keepalive`, `timeout`, `graceful_timeout`, `backlog` and those about headers count here; its access log,
    `max_requests` and its hooks for each request do not, and TLS is left to what stands in front.
    """

    limits: Limits

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:  # noqa: ARG003 (gunicorn's names)
        if cfg.is_ssl:
            raise ConfigError("TLS belongs to what stands in front of the web process.")

    def run(self) -> None:
        """Serve until told to stop, then finish what is in hand within `graceful_timeout`."""
        self._pool = ThreadPoolExecutor(max_workers=self.cfg.threads, thread_name_prefix="application")
        try:
            uvloop.run(self._serve())
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        limits = self.limits
        connections = Connections(most=_allowed_connections(limits.connections), buffer_bytes=limits.buffer_bytes)
        around = ConnectionContext(config=self.cfg, limits=limits, connections=connections, submit=self._submit)
        servers = [
            await self._loop.create_server(
                lambda: Connection(around), sock=cast("Any", listener).sock, backlog=self.cfg.backlog
            )
            for listener in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            await self._watch(connections)
        self.alive = False
        for server in servers:
            server.close()
        began = self._loop.time()
        connections.stop(began + _STOPPING_SECONDS)
        while len(connections) and self._loop.time() < began + self.cfg.graceful_timeout:
            await self._watch(connections)

    async def _watch(self, connections: Connections) -> None:
        self.notify()
        connections.sweep(self._loop.time())
        await asyncio.sleep(_SWEEP_SECONDS)

    def _submit(self, read: ReadRequest, answer: Callable[[SerializedResponse], None]) -> Callable[[], None]:
        """Returns what withdraws it. The pool's queue has no bound: what waits there for nobody must hold nothing."""
        waiting = [(read, answer)]

        def run() -> None:
            try:
                taken = waiting.pop()
            except IndexError:
                return  # withdrawn
            self._run_application(*taken)

        self._pool.submit(run)
        return waiting.clear

    def _run_application(self, read: ReadRequest, answer: Callable[[SerializedResponse], None]) -> None:
        keep_alive = self.alive and self.cfg.keepalive > 0
        wire_answer = run_application(cast("Any", self.wsgi), read, config=self.cfg, keep_alive=keep_alive)
        with suppress(RuntimeError):  # the loop has ended: the time to stop gracefully is over
            self._loop.call_soon_threadsafe(answer, wire_answer)


def _allowed_connections(wanted: int) -> int:
    """As many as wanted, or as the system lets this process have; its soft limit is raised where it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))
