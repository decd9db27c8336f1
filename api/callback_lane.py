"""A lane of their own for carriers' callbacks, before the framework.

Three callbacks come for every text: they are most of all requests, and taking one in the framework costs twice as much.
The lane takes what is well formed and well signed. Everything else, and whatever goes wrong, is left to
`api.callbacks`, which says what is the matter.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from api import callbacks, security_headers, traces
from api.services import Services
from channels.base import Callback, ForgedCallback, MalformedCallback
from channels.registry import CHANNELS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST_LENGTH = 9
"""Digits of a Content-Length that are read as a number."""

_ADDRESS = re.compile(r"/callbacks/([a-z]+)/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([1-9][0-9]{0,3})", re.ASCII)


class CallbackLane:
    """The application, with the lane in front of it."""

    def __init__(self, services: Services, application: WSGIApplication) -> None:
        self._services = services
        self._application = application
        self._public_url = services.settings.public_url.rstrip("/")
        self._headers = list(security_headers.DEFAULTS.items())

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and (address := _ADDRESS.fullmatch(environ["PATH_INFO"])):
            channel, delivery_id, attempt = address.groups()
            callback = _read(environ, self._public_url + address[0])
            if callback is not None and _took(self._services, channel, UUID(delivery_id), int(attempt), callback):
                name = traces.name_for(environ.get("HTTP_X_REQUEST_ID", ""))
                start_response("204 No Content", [*self._headers, (traces.HEADER, name)])
                return ()
        return self._application(environ, start_response)


def _read(environ: WSGIEnvironment, url: str) -> Callback | None:
    """The callback, its body still there for whoever reads it next; None for anything unusual."""
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isdecimal() or len(length) > _LONGEST_LENGTH or int(length) > callbacks.MAX_BYTES:
        return None
    body = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != callbacks.FORM:
        return None
    try:
        form = callbacks.read_form(body)
    except MalformedCallback:
        return None
    query = environ.get("QUERY_STRING", "")
    return Callback(url=f"{url}?{query}" if query else url, form=form, header=partial(_header, environ))


def _took(services: Services, channel: str, delivery_id: UUID, attempt: int, callback: Callback) -> bool:
    try:
        told = CHANNELS[channel].read_callback(callback, services.settings)
        if told is not None:
            callbacks.note(services, told, delivery_id=delivery_id, attempt=attempt)
    except (KeyError, ForgedCallback, MalformedCallback, psycopg.Error):
        return False
    return True


def _header(environ: WSGIEnvironment, name: str) -> str | None:
    return environ.get("HTTP_" + name.upper().replace("-", "_"))
