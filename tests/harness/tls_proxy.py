"""Terminates TLS in front of a server that has none: PostgreSQL and Valkey are built without it for the tests."""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

_CHUNK = 65536
_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104


class _Proxy:
    def __init__(self, to_port: int, context: ssl.SSLContext, *, is_postgresql: bool) -> None:
        self._to_port = to_port
        self._context = context
        self._is_postgresql = is_postgresql
        self.stop = asyncio.Event()

    async def run(self, port: int, started: threading.Event) -> None:
        context = None if self._is_postgresql else self._context
        async with await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=context):
            started.set()
            await self.stop.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if self._is_postgresql and not await self._begin_tls(reader, writer):
                writer.close()
                return
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to_port)
            await asyncio.gather(_copy(reader, to_server), _copy(from_server, writer))

    async def _begin_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a client of PostgreSQL, which asks for TLS in clear text. Return False if it does not ask."""
        while True:
            _, code = struct.unpack("!II", await reader.readexactly(8))
            if code == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                return True
            if code != _GSS_REQUEST:
                return False
            writer.write(b"N")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
    writer.close()


@contextmanager
def tls_proxy(to_port: int, *, port: int, context: ssl.SSLContext, is_postgresql: bool = False) -> Generator[None]:
    """Forward what arrives on `port` over TLS to `to_port`, unencrypted. Unencrypted clients are disconnected."""
    proxy, started = _Proxy(to_port, context, is_postgresql=is_postgresql), threading.Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # cancels the connections at the end
            runner.run(proxy.run(port, started))

    thread = threading.Thread(target=run, name="TLS proxy", daemon=True)
    thread.start()
    assert started.wait(timeout=60)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(proxy.stop.set)
        thread.join()
