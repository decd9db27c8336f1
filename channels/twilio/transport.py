"""The HTTP transport of the official Twilio client: a connection pool, enforced timeouts, any base URL."""

from __future__ import annotations

import base64
import logging
import math
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from channels.twilio.connection_pool import ConnectionPool

CONNECT_TIMEOUT_SECONDS = 5.0


class TooManyRequests(Exception):
    """HTTP 429: the request was not processed. `retry_after_seconds` is the carrier's Retry-After, if it sent one."""

    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("too many requests")
        self.retry_after_seconds = retry_after_seconds


class PooledTransport(AsyncHttpClient):
    """Replaces the client's own transport, which ignores timeouts and opens at most 100 connections."""

    def __init__(self, *, base_url: str, connections: int, timeout_seconds: float) -> None:
        """Create it inside the running event loop."""
        super().__init__(logging.getLogger("twilio"), is_async=True)
        base = urlsplit(base_url)
        self._prefix = base.path.rstrip("/")
        self._host = base.netloc.rpartition("@")[2]
        self._connections = ConnectionPool(
            base,
            limit=connections,
            connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
            response_timeout_seconds=timeout_seconds,
        )

    async def request(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - part of the client's interface
        allow_redirects: bool = False,  # noqa: ARG002 - redirects are never followed
    ) -> Response:
        """Raises TooManyRequests on 429, ConnectFailed or NoResponse when no answer came."""
        body = urlencode(data, doseq=True, quote_via=_quote).encode() if data else b""
        lines = [f"{method} {self._target(url, params)} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if auth:
            lines.append(f"Authorization: {_basic(auth)}")
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        response = await self._connections.exchange("\r\n".join(lines).encode("latin-1") + body)
        if response.status == 429:
            raise TooManyRequests(_seconds(response.headers.get("retry-after")))
        return Response(response.status, response.body.decode("utf-8", "replace"), response.headers)

    def close(self) -> None:
        self._connections.close()

    def _target(self, url: str, params: Mapping[str, object] | None) -> str:
        """The path and query of the client's URL, which it made for Twilio's own host."""
        path, query = _split(url)
        if params:
            query = urlencode(params, doseq=True)
        return f"{self._prefix}{path}?{query}" if query else self._prefix + path


_quote = lru_cache(maxsize=256)(quote_plus)
"""Most texts of a batch have the same content and the same sender."""


@lru_cache(maxsize=8)
def _split(url: str) -> tuple[str, str]:
    """The path and the query of the URL."""
    parts = urlsplit(url)
    return quote(parts.path, safe="/%"), parts.query


@lru_cache(maxsize=8)
def _basic(auth: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(auth).encode()).decode()


def _seconds(retry_after: str | None) -> float | None:
    """The seconds in the header; None without one, or with a date (which Twilio does not send)."""
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:
        return None
    return max(0.0, seconds) if seconds is not None and math.isfinite(seconds) else None
