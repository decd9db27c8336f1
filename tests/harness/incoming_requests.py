"""Requests to the routes of channels, without a web server."""

from __future__ import annotations

import io
from collections.abc import Mapping

from channels.incoming import IncomingRequest
from settings import Settings


def incoming_request(
    settings: Settings,
    *,
    url: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> IncomingRequest:
    return IncomingRequest(
        url=url,
        parameters=parameters or {},
        query=query or {},
        header=(headers or {}).get,
        read=io.BytesIO(body).read,
        settings=settings,
    )
