"""How the official Twilio client reaches its carrier: one kept session, real timeouts, any base URL."""

from __future__ import annotations

import json
import logging
import math
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from yarl import URL

CONNECT_TIMEOUT_SECONDS = 5.0
IDLE_SECONDS = 15.0
"""An idle connection is dropped before the carrier would drop it under a request."""


NOT_SENT = (
    aiohttp.ClientConnectorError,  # refused, no route, no such name, TLS failed
    aiohttp.ConnectionTimeoutError,
)
"""Raised before a request left."""
NO_ANSWER = (aiohttp.ClientError, TimeoutError, ConnectionError, json.JSONDecodeError)
"""Raised when it had left, or may have."""


class TooManyRequests(Exception):
    """HTTP 429: not processed. `retry_after_seconds` is what the carrier asks for, if it does."""

    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("too many requests")
        self.retry_after_seconds = retry_after_seconds


class SessionTransport(AsyncHttpClient):
    """The client's transport over one aiohttp session. Its own ignores its timeout and stops at 100 connections."""

    def __init__(self, *, base_url: str, connections: int, timeout_seconds: float) -> None:
        """To be made inside the running loop."""
        super().__init__(logging.getLogger("twilio"), is_async=True)
        self._base = urlsplit(base_url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=IDLE_SECONDS),
            # Waiting for a free connection counts for neither: only what the carrier does is timed.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=timeout_seconds),
            auto_decompress=True,
        )

    async def request(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - part of the client's interface
        allow_redirects: bool = False,
    ) -> Response:
        """Raises TooManyRequests on 429 and aiohttp's errors when no answer came."""
        async with self._session.request(
            method,
            self._target(url, params),
            data=None if data is None else urlencode(data, doseq=True),
            headers={
                **(headers or {}),
                **({"Authorization": aiohttp.encode_basic_auth(*auth)} if auth else {}),
            },
            allow_redirects=allow_redirects,
        ) as response:
            if response.status == 429:
                raise TooManyRequests(_seconds(response.headers.get("Retry-After")))
            return Response(response.status, await response.text(), response.headers)

    async def close(self) -> None:
        await self._session.close()

    def _target(self, url: str, params: dict[str, object] | None) -> URL:
        path = urlsplit(url)
        query = urlencode(params, doseq=True) if params else path.query
        target = path._replace(
            scheme=self._base.scheme,
            netloc=self._base.netloc,
            path=self._base.path.rstrip("/") + path.path,
            query=query,
        )
        return URL(target.geturl(), encoded=True)


def _seconds(retry_after: str | None) -> float | None:
    """The header's seconds; None for none, or for a date (which Twilio does not send)."""
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:
        return None
    return max(0.0, seconds) if seconds is not None and math.isfinite(seconds) else None
