"""A connection pooler in transaction mode: what PgBouncer does to its clients, without PgBouncer.

It implements the protocol of PostgreSQL and hands out a server connection for each transaction, another one each
time. Like PgBouncer it refuses startup options, gives clients process ids of its own, forwards their requests to
cancel, and resets nothing between transactions: what a client leaves on a connection, the next one finds.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from psycopg import pq
from psycopg.pq import abc

_CANCEL, _SSL, _GSS = 80877102, 80877103, 80877104
_ALLOWED_AT_STARTUP = {"user", "database", "application_name", "client_encoding"}
_REPORTED = (b"server_version", b"client_encoding", b"DateStyle", b"TimeZone", b"standard_conforming_strings")
_IDLE = b"I"


@dataclass(kw_only=True)
class _Server:
    """A connection to PostgreSQL. libpq authenticates it; then its bytes are read and written here."""

    connection: abc.PGconn
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, url: str) -> _Server:
        connection = await asyncio.to_thread(pq.PGconn.connect, url.encode())
        if connection.status != pq.ConnStatus.OK:
            raise OSError(connection.get_error_message())
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(connection.socket)))
        return cls(connection=connection, reader=reader, writer=writer)

    def close(self) -> None:
        self.writer.close()
        self.connection.finish()


class TransactionPooler:
    """`size` server connections for any number of clients. `url` is the address for clients."""

    def __init__(self, server_url: str, *, port: int, size: int) -> None:
        self._server_url = server_url
        self._size = size
        address = urlsplit(server_url)
        self.url = urlunsplit(address._replace(netloc=address.netloc.replace(f":{address.port}", f":{port}")))
        self.transactions = 0
        self.canceled = 0
        self._free: asyncio.Queue[_Server] = asyncio.Queue()
        self._serving: dict[bytes, _Server] = {}
        """The server connection of each client that is in a transaction, by the client's key."""

    async def open(self) -> None:
        for _ in range(self._size):
            self._free.put_nowait(await _Server.open(self._server_url))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it disconnects."""
        key = secrets.token_bytes(8)
        try:
            if await self._greet(reader, writer, key):
                while await self._transaction(reader, writer, key):
                    self.transactions += 1
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if server := self._serving.pop(key, None):  # in the middle of a transaction: PostgreSQL rolls it back
                server.close()
                self._free.put_nowait(await _Server.open(self._server_url))
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> bool:
        """Answer the startup message, or a request to cancel. Return whether a session begins."""
        while True:
            length, code = struct.unpack("!II", await reader.readexactly(8))
            rest = await reader.readexactly(length - 8)
            if code in (_SSL, _GSS):
                writer.write(b"N")
            elif code == _CANCEL:
                if server := self._serving.get(rest):
                    self.canceled += 1
                    await asyncio.to_thread(server.connection.get_cancel().cancel)
                return False
            else:
                break
        names = {name.decode() for name in rest.split(b"\0")[0:-2:2]}
        if refused := names - _ALLOWED_AT_STARTUP:
            text = f"unsupported startup parameter: {', '.join(sorted(refused))}"
            writer.write(_message(b"E", b"SFATAL\0VFATAL\0C08P01\0M" + text.encode() + b"\0\0"))
            return False
        any_server = await self._free.get()
        self._free.put_nowait(any_server)
        writer.write(_message(b"R", struct.pack("!I", 0)))
        for name in _REPORTED:
            writer.write(_message(b"S", name + b"\0" + (any_server.connection.parameter_status(name) or b"") + b"\0"))
        writer.write(_message(b"K", key) + _message(b"Z", _IDLE))
        return True

    async def _transaction(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> bool:
        """Run the client's next transaction on a server connection. Return False if it disconnects instead."""
        kind, message = await _read(reader)
        if kind == b"X":
            return False
        server = self._serving[key] = await self._free.get()
        state = await self._round_trip(server, kind, message, reader, writer)
        while state != _IDLE:
            kind, message = await _read(reader)
            if kind == b"X":
                return False
            state = await self._round_trip(server, kind, message, reader, writer)
        del self._serving[key]
        self._free.put_nowait(server)
        return True

    @staticmethod
    async def _round_trip(
        server: _Server, kind: bytes, message: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Forward messages up to a Query or Sync, then the answers. Return the state of the transaction afterwards."""
        server.writer.write(message)
        while kind not in (b"Q", b"S"):
            kind, message = await _read(reader)
            server.writer.write(message)
        while True:
            kind, answer = await _read(server.reader)
            writer.write(answer)
            if kind == b"Z":
                return answer[-1:]
            if kind == b"G":  # COPY: the client sends data until it is done
                while kind not in (b"c", b"f"):
                    kind, message = await _read(reader)
                    server.writer.write(message)


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the type of the next message, and the whole message."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


@contextmanager
def transaction_pooler(server_url: str, *, port: int, size: int = 3) -> Generator[TransactionPooler]:
    """A pooler on `port` in front of the server. Connect to its `url`."""
    pooler, started = TransactionPooler(server_url, port=port, size=size), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        await pooler.open()
        async with await asyncio.start_server(pooler.serve, "127.0.0.1", port):
            started.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner, suppress(asyncio.CancelledError):
            runner.run(serve())

    thread = threading.Thread(target=run, name="transaction pooler", daemon=True)
    thread.start()
    assert started.wait(timeout=60)
    try:
        yield pooler
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
