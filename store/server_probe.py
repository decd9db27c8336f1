"""Whether PostgreSQL answers anyone: tried with a connection of its own, for those who have waited long."""

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
"""How long a good answer counts."""
_PAUSE_SECONDS = 0.3
"""Between two tries while the server stands still."""

log = logs.get_logger(__name__)


class ServerProbe:
    """One for each pool. Tries in a thread of its own, only when asked, and goes on until the server answers again.

    A server that merely works long on one statement answers a new connection, if only by refusing it: those who have
    a connection are served all the same. One that stands still (its host froze, the network drops every packet)
    answers nobody, and nothing else shows it: the kernel acknowledges what it is sent.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = make_conninfo(conninfo, connect_timeout=PROBE_SECONDS, application_name="koinonia watch")
        self._lock = threading.Lock()
        self._is_trying = False
        self._answered_at = float("-inf")
        self._answers = threading.Event()
        self._answers.set()
        self._closed = threading.Event()

    @property
    def stands_still(self) -> bool:
        """Whether it did not answer when it was last tried."""
        return not self._answers.is_set()

    def wait_until_it_answers(self, timeout_seconds: float) -> None:
        """Return at once unless it stands still. Raises ServerUnresponsive."""
        if not self._answers.wait(timeout_seconds):
            raise ServerUnresponsive("PostgreSQL does not answer")

    def try_soon(self) -> None:
        """Find out, in the background, unless that is under way or was done a moment ago."""
        with self._lock:
            fresh = time.monotonic() - self._answered_at < _FRESH_SECONDS
            if fresh or self._is_trying or self._closed.is_set():
                return
            self._is_trying = True
        threading.Thread(target=self._try_until_it_answers, name="database watch", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def _try_until_it_answers(self) -> None:
        while not self._closed.is_set():
            if self._answers_now():
                break
            if not self.stands_still:
                log.warning("PostgreSQL stands still: giving up what waits for it")
            self._answers.clear()
            self._closed.wait(_PAUSE_SECONDS)
        with self._lock:
            if self.stands_still and not self._closed.is_set():
                log.info("PostgreSQL answers again")
            self._answered_at = time.monotonic()
            self._answers.set()
            self._is_trying = False

    def _answers_now(self) -> bool:
        give_up_at = time.monotonic() + PROBE_SECONDS

        def check(_connection: InterruptibleConnection, _waited: float, _spent: float) -> None:
            if time.monotonic() > give_up_at:
                raise ServerUnresponsive("PostgreSQL does not answer a new connection")

        try:
            with InterruptibleConnection.connect(self._conninfo, autocommit=True) as connection:
                connection.check_while_waiting = check
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            return _is_refusal(error)
        return True


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether the server itself refused the connection: it has none left, for instance, or shuts down.

    libpq keeps no SQLSTATE of a failed connection. The severity, which only a server's message has, is in its text.
    """
    return "FATAL:" in str(error)
