"""One HTTP request over a connection of its own that ends within a time, even if the other side sends byte by byte.

For the notices to operators and for checks. It follows no redirect: the request may carry credentials.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_BODY_BYTES = 64_000


class HttpFailure(Exception):
    """No response came. The message names the kind of failure, and not the URL, which may be a secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpReply:
    status: int
    body: bytes
    """At most LONGEST_BODY_BYTES of it."""


def exchange(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, seconds: float
) -> HttpReply:
    """Send the request and return the response. Raises HttpFailure.

    Name resolution is not limited in time. Connecting may take `seconds`, and so may all that follows.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _open(parts.scheme, parts.hostname or "", parts.port, seconds)
    except (OSError, ValueError) as error:
        raise HttpFailure(type(error).__name__) from None
    timer = threading.Timer(seconds, _shut_down, (connection.sock,))
    timer.daemon = True
    timer.start()
    try:
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        return HttpReply(status=response.status, body=response.read(LONGEST_BODY_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HttpFailure(type(error).__name__) from None
    finally:
        timer.cancel()
        connection.close()


def _open(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    connection = (
        http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
        if scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=seconds)
    )
    connection.connect()
    return connection


def _shut_down(connected: socket.socket | None) -> None:
    """End whatever waits for this socket."""
    if connected is not None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)
