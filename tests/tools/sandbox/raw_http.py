"""Requests as bytes, for what no client library would send."""

import socket
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
    """What comes back for raw bytes, until so many answers are in or the connection is closed."""
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(sent)
        came = b""
        while came.count(b"HTTP/1.1 ") < answers or not came.endswith((b"}", b"\n")):
            part = connection.recv(65536)
            if not part:
                break
            came += part
    return came
