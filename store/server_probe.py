"""Probes with a new connection whether PostgreSQL responds, when a statement has waited long."""

from __future__ import annotations

import threading
import time

import psycopg
from psycopg.conninfo import make_conninfo

import logs
from store.errors import ServerUnresponsive
from store.interruptible_connection import InterruptibleConnection
from store.timeouts import PROBE_SECONDS

_FRESH_SECONDS = 1.0
"""How long a successful probe counts."""
_PAUSE_SECONDS = 0.3
"""Between two probes of an unresponsive server."""

log = logs.get_logger(__name__)


class ServerProbe:
    """One for each pool. Probes in its own thread, only on request, and repeats until the server responds again.

    A server that is busy with a long statement responds to a new connection, even if it refuses it. A server that is
    unresponsive (its host is frozen, or the network drops every packet) does not. Only a probe tells the two apart: the
    kernel acknowledges packets for a frozen process.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = make_conninfo(conninfo, connect_timeout=PROBE_SECONDS, application_name="koinonia watch")
        self._lock = threading.Lock()
        self._is_probing = False
        self._responded_at = float("-inf")
        self._responsive = threading.Event()
        self._responsive.set()
        self._closed = threading.Event()

    @property
    def is_unresponsive(self) -> bool:
        """Whether the server did not respond to the last probe."""
        return not self._responsive.is_set()

    def wait_until_responsive(self, timeout_seconds: float) -> None:
        """Returns at once unless the server is unresponsive. Raises ServerUnresponsive after the timeout."""
        if not self._responsive.wait(timeout_seconds):
            raise ServerUnresponsive("PostgreSQL does not answer")

    def start(self) -> None:
        """Probe in the background, unless a probe is running or one succeeded a moment ago."""
        with self._lock:
            fresh = time.monotonic() - self._responded_at < _FRESH_SECONDS
            if fresh or self._is_probing or self._closed.is_set():
                return
            self._is_probing = True
        threading.Thread(target=self._probe_until_responsive, name="database probe", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def _probe_until_responsive(self) -> None:
        while not self._closed.is_set():
            if self._responds():
                break
            if not self.is_unresponsive:
                log.warning("PostgreSQL is unresponsive: abandoning statements that wait for it")
            self._responsive.clear()
            self._closed.wait(_PAUSE_SECONDS)
        with self._lock:
            if self.is_unresponsive and not self._closed.is_set():
                log.info("PostgreSQL responds again")
            self._responded_at = time.monotonic()
            self._responsive.set()
            self._is_probing = False

    def _responds(self) -> bool:
        deadline = time.monotonic() + PROBE_SECONDS

        def check(_connection: InterruptibleConnection, _waited: float, _spent: float) -> None:
            if time.monotonic() > deadline:
                raise ServerUnresponsive("PostgreSQL does not answer a new connection")

        try:
            with InterruptibleConnection.connect(self._conninfo, autocommit=True) as connection:
                connection.check_while_waiting = check
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            return _is_refusal(error)
        return True


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether the server itself refused the connection, for example because it has none left or shuts down.

    libpq has no SQLSTATE for a failed connection. Only messages of a server contain a severity.
    """
    return "FATAL:" in str(error)
