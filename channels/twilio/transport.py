"""How the official Twilio client reaches its carrier: kept connections, real timeouts, any base URL."""

from __future__ import annotations

import base64
import logging
import math
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from channels.twilio.connections import Connections

CONNECT_TIMEOUT_SECONDS = 5.0


class TooManyRequests(Exception):
    """HTTP 429: not processed. `retry_after_seconds` is what the carrier asks for, if it does."""

    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("too many requests")
        self.retry_after_seconds = retry_after_seconds


class KeptTransport(AsyncHttpClient):
    """The client's transport over connections that stay. Its own ignores its timeout and stops at 100 connections."""

    def __init__(self, *, base_url: str, connections: int, timeout_seconds: float) -> None:
        """To be made inside the running loop."""
        super().__init__(logging.getLogger("twilio"), is_async=True)
        base = urlsplit(base_url)
        self._prefix = base.path.rstrip("/")
        self._host = base.netloc.rpartition("@")[2]
        self._connections = Connections(
            base,
            limit=connections,
            connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
            answer_timeout_seconds=timeout_seconds,
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
        allow_redirects: bool = False,  # noqa: ARG002 - a redirect is an answer like any other: it is not followed
    ) -> Response:
        """Raises TooManyRequests on 429, connections.Unreached or connections.NoAnswer when no answer came."""
        body = urlencode(data, doseq=True).encode() if data else b""
        lines = [f"{method} {self._target(url, params)} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if auth:
            lines.append(f"Authorization: {_basic(auth)}")
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        answer = await self._connections.exchange("\r\n".join(lines).encode("latin-1") + body)
        if answer.status == 429:
            raise TooManyRequests(_seconds(answer.headers.get("retry-after")))
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)

    def close(self) -> None:
        self._connections.close()

    def _target(self, url: str, params: Mapping[str, object] | None) -> str:
        """Path and query of the URL that the client made for Twilio's own host."""
        parts = urlsplit(url)
        query = urlencode(params, doseq=True) if params else parts.query
        path = self._prefix + quote(parts.path, safe="/%")
        return f"{path}?{query}" if query else path


@lru_cache(maxsize=8)
def _basic(auth: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(auth).encode()).decode()


def _seconds(retry_after: str | None) -> float | None:
    """The header's seconds; None for none, or for a date (which Twilio does not send)."""
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:
        return None
    return max(0.0, seconds) if seconds is not None and math.isfinite(seconds) else None
