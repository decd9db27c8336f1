"""A host's router: forwards each new connection to the web process that is current, and keeps those that are open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

_CHUNK = 65536


class TcpRouter:
    """`to_port` may be changed at any moment. It applies to connections that are opened afterwards."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. If the web process refuses it, it is closed."""
        try:
            from_web, to_web = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, to_web), _copy(from_web, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
    writer.close()


@contextmanager
def tcp_router(to_port: int, *, port: int) -> Generator[TcpRouter]:
    """A router that listens on `port`."""
    router, started = TcpRouter(to_port), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with await asyncio.start_server(router.serve, "127.0.0.1", port, backlog=1024):
            started.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # cancels the connections at the end
            runner.run(serve())

    thread = threading.Thread(target=run, name="router", daemon=True)
    thread.start()
    assert started.wait(timeout=60)
    try:
        yield router
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
