"""A web server on this machine that has pictures, and any bad habit."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

HEAD_END = b"\r\n\r\n"
Answer = bytes | Callable[[str, socket.socket], bytes]
"""Bytes to answer with, or what makes them of the request and may write by itself."""


def picture(size_bytes: int = 1_000, content_type: str = "image/jpeg", status: str = "200 OK", **more: str) -> bytes:
    """The head of an answer, and no body."""
    fields = {"Content-Type": content_type, "Content-Length": str(size_bytes), **more}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode()


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


class MediaServer:
    """`answers` by path. Whoever connects is counted, whatever is asked is kept."""

    def __init__(self, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.answers: dict[str, Answer] = {}
        self.connections = 0
        self.requests: list[str] = []
        serve = self._serve

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                serve(self.request)

        self._tls = tls
        self.server = socketserver.ThreadingTCPServer((address, port), Handler, bind_and_activate=False)
        self.server.allow_reuse_address = True
        self.server.daemon_threads = True
        self.server.request_queue_size = 50
        self.server.server_bind()
        self.server.server_activate()
        self.port: int = self.server.server_address[1]

    @property
    def asked(self) -> list[str]:
        """Method and path of each request."""
        return [" ".join(request.split(" ")[:2]) for request in self.requests]

    def _serve(self, plain: socket.socket) -> None:
        self.connections += 1
        try:
            line = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
            raw = b""
            while HEAD_END not in raw:
                if not (piece := line.recv(65_536)):
                    return
                raw += piece
            request = raw.decode("latin-1")
            self.requests.append(request)
            answer = self.answers.get(request.split(" ")[1], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            line.sendall(answer if isinstance(answer, bytes) else answer(request, line))
        except OSError:
            pass  # whoever asked has gone


def by_method(**answers: bytes) -> Answer:
    """An answer for each method."""
    return lambda request, _: answers[request.split(" ")[0]]


def slowly(answer: bytes, *, seconds: float) -> Answer:
    def wait(_request: str, _line: socket.socket) -> bytes:
        time.sleep(seconds)
        return answer

    return wait


def endlessly(beginning: bytes, piece: bytes, *, pause_seconds: float = 0.0) -> Answer:
    """Until whoever asked has gone."""

    def pour(_request: str, line: socket.socket) -> bytes:
        line.sendall(beginning)
        while True:
            line.sendall(piece)
            time.sleep(pause_seconds)

    return pour


@contextmanager
def serving(
    answers: Mapping[str, Answer] | None = None,
    *,
    address: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Generator[MediaServer]:
    server = MediaServer(address, port, tls)
    server.answers.update(answers or {})
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.002}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join()
