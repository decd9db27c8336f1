"""Limits how long one request waits for PostgreSQL in total."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from store.interruptible_connection import shared_wait

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class DatabaseWaitLimit:
    """WSGI middleware that adds up all waits of a request for PostgreSQL, since its caller waits for their sum."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with shared_wait():
            return self._application(environ, start_response)
