"""Many connections to a server at once that send little, or read nothing."""

from __future__ import annotations

import fcntl
import resource
import selectors
import socket
import struct
import termios
import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from tests.harness.waiting import wait_until


class SlowClients:
    """A context manager of connections; all are closed at its end."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> SlowClients:
        _allow_many_files()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self.sockets:
            each.close()

    def open(self, count: int, sent: bytes, *, receive_buffer: int | None = None) -> list[socket.socket]:
        """Open `count` more connections, each of which has sent these bytes."""
        opened: list[socket.socket] = []
        for _ in range(count):
            connection = socket.socket()
            self.sockets.append(connection)
            if receive_buffer is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(sent)
            connection.setblocking(False)
            opened.append(connection)
        return opened


def trickle(connections: Iterable[socket.socket]) -> None:
    """Send one more byte on each connection that accepts it."""
    for each in connections:
        with suppress(OSError):
            each.send(b"x")


def send_and_reset(port: int, sent: bytes) -> None:
    """Send a request, and reset the connection when the other side has received all of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        wait_until(lambda: _bytes_not_taken(connection) == 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_to_the_end(connections: Iterable[socket.socket], *, seconds: float) -> list[bytes]:
    """Everything that the server sent on each connection that it closed within the time. Others are left out."""
    came: dict[socket.socket, bytes] = dict.fromkeys(connections, b"")
    ended: list[bytes] = []
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for each in came:
            selector.register(each, selectors.EVENT_READ)
        while len(ended) < len(came) and time.monotonic() < deadline:
            for key, _ in selector.select(0.5):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                part = _receive(connection)
                came[connection] += part
                if not part:
                    selector.unregister(connection)
                    ended.append(came[connection])
                    connection.close()
    return ended


def _bytes_not_taken(connection: socket.socket) -> int:
    return struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))[0]


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
