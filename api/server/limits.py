"""How much the server accepts from clients, and how long it waits for them."""

from __future__ import annotations

from dataclasses import dataclass

from gunicorn.http.message import Request

from api import keys

_BEARER = "bearer "


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one web process. gunicorn.conf.py sets them."""

    header_seconds: float
    """How long the request line and the headers may take, from the first byte (or from the start of the connection)."""
    body_seconds: float
    """How long a body may take to arrive, or a response to be read, in addition to its size over `bytes_per_second`."""
    bytes_per_second: float
    """A client that is still slower than this after `body_seconds` is disconnected."""
    connections: int
    """The most open connections. Above this, the one that has waited longest for its client is closed."""
    buffer_bytes: int
    """The most bytes buffered for all connections: requests, and responses not yet read. Above this, a connection that
    holds much of it is closed."""
    head_bytes: int = 65_536
    """The largest request line with all headers."""
    body_bytes: int = 8_400_000
    """The largest body that is read. The application accepts a little less, and answers 413 above that."""
    file_bytes: int = 25_400_000
    """The largest body of a request that uploads a file."""
    file_path: str = "/api/imports"
    """The path to which files are uploaded."""

    def largest_body(self, request: Request) -> int:
        """Return the largest body that is read of this request: that of a file only where one is expected, and only
        from a caller with something like a key."""
        if request.method == "POST" and request.path == self.file_path and _has_key(request):
            return self.file_bytes
        return self.body_bytes

    def transfer_seconds(self, size: int) -> float:
        """Return how long a client may take to send or read this many bytes."""
        return self.body_seconds + size / self.bytes_per_second


def _has_key(request: Request) -> bool:
    values = [value for name, value in request.headers if name == "AUTHORIZATION"]
    return (
        len(values) == 1
        and values[0][: len(_BEARER)].lower() == _BEARER
        and keys.looks_like_key(values[0][len(_BEARER) :])
    )
