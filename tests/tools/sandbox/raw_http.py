"""Requests as bytes, for requests that no client library sends."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tools.sandbox.credentials import ACCOUNT_SID, Credentials

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
BASIC = Credentials().basic_authorization.decode()


def create_request(to: str) -> bytes:
    body = f"To=%2B{to}&From=%2B15005550006&Body=Hello"
    return (
        f"POST {MESSAGES} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: {BASIC}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def exchange(base_url: str, sent: bytes, *, answers: int = 1) -> bytes:
    """Send raw bytes and return what comes back: that many answers, or everything until the connection is closed."""
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(sent)
        received = b""
        while received.count(b"HTTP/1.1 ") < answers or not received.endswith((b"}", b"\n")):
            part = connection.recv(65536)
            if not part:
                break
            received += part
    return received


@contextmanager
def unanswered(base_url: str, sent: bytes) -> Generator[None]:
    """Send a request that must not be answered before the end of the block."""
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(sent)
        yield
        connection.setblocking(False)
        try:
            received = connection.recv(65536)
        except BlockingIOError:
            return
        raise AssertionError(f"answered: {received!r}")
