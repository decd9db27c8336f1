"""Serves nothing but short links at the domains of short links.

Whoever owns such a domain decides what its visitors believe: the operator's login must not appear there.
"""

from __future__ import annotations

import threading
import time

import psycopg
from flask import Flask, request

import logs
from api import problems
from api.problems import RequestRefused
from api.services import Services, services
from messaging.links import PATH, host_of
from store import links
from store.database import system_scope

REFRESH_SECONDS = 60.0
"""How old the list of the churches' domains may be. A request waits for the database at most once in this time."""
_ALWAYS_SERVED = (PATH, "/health/")

_log = logs.get_logger(__name__)


class LinkDomains:
    """The domains at which only short links are served: those of churches, and LINK_DOMAIN."""

    def __init__(self, shared: Services) -> None:
        self._database = shared.database
        self._own_host = host_of(shared.settings.public_url)
        self._service_domain = shared.settings.link_domain
        self._of_churches: frozenset[str] = frozenset()
        self._refreshed_at = float("-inf")
        self._refreshing = threading.Lock()

    def serves_only_links(self, host: str) -> bool:
        """Returns whether a host name, as in the Host header, is a link domain."""
        name = host.rsplit(":", 1)[0].rstrip(".").lower()
        # IP addresses and names without a dot are no link domains: the health checks of a host ask nothing.
        if name == self._own_host or "." not in name or name.rpartition(".")[2].isdecimal():
            return False
        self._refresh()
        return name == self._service_domain or name in self._of_churches

    def _refresh(self) -> None:
        if time.monotonic() - self._refreshed_at < REFRESH_SECONDS or not self._refreshing.acquire(blocking=False):
            return
        try:
            with system_scope(self._database) as connection:
                self._of_churches = links.domains(connection)
        except psycopg.Error as error:
            _log.debug("the domains of short links cannot be read", error=type(error).__name__)
        finally:
            self._refreshed_at = time.monotonic()
            self._refreshing.release()


def install(app: Flask) -> None:
    """Refuse other requests at link domains. Install it before the authentication."""
    domains = LinkDomains(services(app))

    def refuse_others() -> None:
        if not request.path.startswith(_ALWAYS_SERVED) and domains.serves_only_links(request.host):
            raise RequestRefused(problems.NOT_FOUND, "Only short links are served at this domain.")

    app.before_request(refuse_others)
