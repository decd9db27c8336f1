"""The gunicorn worker class: one event loop for all clients, and a thread pool for the application."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, cast

import uvloop
from gunicorn.config import Config
from gunicorn.errors import ConfigError
from gunicorn.glogging import Logger
from gunicorn.workers import base

from api.server import loop_handler
from api.server.connection import Connection, ConnectionContext
from api.server.limits import Limits
from api.server.loop_handler import LoopHandler
from api.server.open_connections import OpenConnections
from api.server.responses import ReceivedRequest, ResponseStream, SerializedResponse, run_application

_SWEEP_SECONDS = 0.25
_STOPPING_SECONDS = 2.0
"""How long an ending process waits for idle clients, which may be about to send their next request."""
_DECLINED_THREADS = 2
"""Threads for requests that the event loop recognized and did not take."""
_OTHER_FILES = 200
"""File descriptors reserved for everything but clients: PostgreSQL, Redis, listening sockets, logs."""


class BufferingWorker(base.Worker):
    """Serves plain HTTP/1.1 with gunicorn's parser and its rules about forwarded headers.

    A request occupies a thread only from its complete arrival until its response is ready to send, or none at all if
    the application's LoopHandler takes it. Slow and idle clients therefore cost memory, within the limits, and no
    threads. Of gunicorn's settings, `threads`, `keepalive`, `timeout`, `graceful_timeout`, `backlog` and those about
    headers apply. Its access log, `max_requests`, its hooks for each request, and TLS are not supported: a proxy in
    front terminates TLS.
    """

    limits: Limits

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:  # noqa: ARG003 (gunicorn's names)
        if cfg.is_ssl:
            raise ConfigError("This worker does not support TLS: let a proxy in front of it terminate TLS.")

    def run(self) -> None:
        """Serve until a stop is requested, then finish the requests in progress within `graceful_timeout`."""
        self._pool = ThreadPoolExecutor(max_workers=self.cfg.threads, thread_name_prefix="application")
        self._declined_pool = ThreadPoolExecutor(max_workers=_DECLINED_THREADS, thread_name_prefix="declined")
        try:
            uvloop.run(self._serve())
        finally:
            for pool in (self._pool, self._declined_pool):
                pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        limits = self.limits
        connections = OpenConnections(most=_allowed_connections(limits.connections), buffer_bytes=limits.buffer_bytes)
        handler = self._loop_handler()
        context = ConnectionContext(
            config=self.cfg,
            limits=limits,
            connections=connections,
            loop_handler=handler,
            submit=partial(self._submit, self._pool),
            submit_next_part=self._submit_next_part,
            submit_declined=partial(self._submit, self._declined_pool),
        )
        servers = [
            await self._loop.create_server(
                lambda: Connection(context), sock=cast("Any", listener).sock, backlog=self.cfg.backlog
            )
            for listener in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            await self._watch(connections)
        self.alive = False
        if handler is not None:
            handler.keep_alive = False
        for server in servers:
            server.close()
        began = self._loop.time()
        connections.stop(began + _STOPPING_SECONDS)
        while self._loop.time() < began + self.cfg.graceful_timeout:
            if not len(connections) and (handler is None or not handler.waiting):
                break
            await self._watch(connections)

    def _loop_handler(self) -> LoopHandler | None:
        handler = cast("LoopHandler | None", cast("Any", self.wsgi).extensions.get(loop_handler.EXTENSION))
        if handler is not None:
            handler.keep_alive = self.cfg.keepalive > 0
        return handler

    async def _watch(self, connections: OpenConnections) -> None:
        self.notify()
        connections.sweep(self._loop.time())
        await asyncio.sleep(_SWEEP_SECONDS)

    def _submit(
        self, pool: ThreadPoolExecutor, received: ReceivedRequest, on_response: Callable[[SerializedResponse], None]
    ) -> Callable[[], None]:
        """Return a function that withdraws the request.

        The pool's queue is unbounded, so the request of a client that has disconnected must not keep its memory there.
        """
        waiting = [(received, on_response)]

        def run() -> None:
            try:
                taken = waiting.pop()
            except IndexError:
                return  # withdrawn
            self._run_application(*taken)

        pool.submit(run)
        return waiting.clear

    def _submit_next_part(self, stream: ResponseStream, on_response: Callable[[SerializedResponse], None]) -> None:
        def run() -> None:
            part = stream.next()
            try:
                self._loop.call_soon_threadsafe(on_response, part)
            except RuntimeError:  # the loop has ended, because `graceful_timeout` is over
                stream.close()

        self._pool.submit(run)

    def _run_application(self, received: ReceivedRequest, on_response: Callable[[SerializedResponse], None]) -> None:
        keep_alive = self.alive and self.cfg.keepalive > 0
        response = run_application(cast("Any", self.wsgi), received, config=self.cfg, keep_alive=keep_alive)
        with suppress(RuntimeError):  # the loop has ended, because `graceful_timeout` is over
            self._loop.call_soon_threadsafe(on_response, response)


def _allowed_connections(wanted: int) -> int:
    """Return the number wanted, or less if the system allows fewer open files. Raises the soft limit if necessary."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))
