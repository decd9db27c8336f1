"""A proxy between the product and PostgreSQL that can lose the response to a COMMIT."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65536
_POLL_SECONDS = 0.02


class Fault(Enum):
    """How the response to the next COMMIT is lost. The server receives and executes it in either case."""

    CUT = auto()
    """The proxy closes the connection when the server has responded."""
    SILENCE = auto()
    """The proxy forwards nothing more, on new connections too, like a network that drops every packet."""


class DatabaseProxy:
    """Forwards everything until `next_commit` is set and a COMMIT arrives."""

    def __init__(self, url: str, port: int) -> None:
        address = urlsplit(url)
        assert address.port is not None
        self.to_port = address.port
        self.url = urlunsplit(address._replace(netloc=address.netloc.replace(f":{address.port}", f":{port}")))
        self.next_commit: Fault | None = None
        self.commits_before = 0
        """How many COMMITs are forwarded before `next_commit` applies."""
        self.is_silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client until it ends."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.to_port)
        faults: list[Fault] = []
        answers = self._forward_answers(from_server, writer, faults)
        with suppress(OSError):
            await asyncio.gather(self._forward_requests(reader, to_server, faults), answers)
        writer.close()
        to_server.close()

    async def _forward_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: list[Fault]
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._while_silent()
            if b"COMMIT" in data and self.next_commit is not None:
                if self.commits_before:
                    self.commits_before -= 1
                else:
                    faults.append(self.next_commit)
                    self.next_commit = None
            writer.write(data)
        writer.close()

    async def _forward_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: list[Fault]
    ) -> None:
        while data := await reader.read(_CHUNK):
            if faults == [Fault.CUT]:
                break
            self.is_silent = self.is_silent or bool(faults)
            faults.clear()
            await self._while_silent()
            writer.write(data)
        writer.close()

    async def _while_silent(self) -> None:
        # The tests set it from another thread, where an asyncio.Event cannot be used.
        while self.is_silent:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)


@contextmanager
def database_proxy(url: str, port: int) -> Generator[DatabaseProxy]:
    """A proxy on `port` in front of the server in `url`. Connect to the `url` of the proxy."""
    proxy, started = DatabaseProxy(url, port), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with await asyncio.start_server(proxy.serve, "127.0.0.1", port):
            started.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # cancels the connections at the end
            runner.run(serve())

    thread = threading.Thread(target=run, name="database proxy", daemon=True)
    thread.start()
    assert started.wait(timeout=60)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
