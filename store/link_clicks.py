"""Counts clicks in the memory of a process, and adds them to the database a second later from a thread.

So a link that is clicked ten thousand times a second costs one update of one row for each process and second. It locks
neither its message nor anything else that sending needs.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import psycopg

import logs
from store import links
from store.database import Database, system_scope
from store.errors import OutcomeUnknown
from store.links import Clicks

log = logs.get_logger(__name__)

EVERY_SECONDS = 1.0
"""What a killed process loses of its clicks at most."""
MOST_LINKS = 10_000
"""Different links that are counted at once. While PostgreSQL is away, clicks of others are lost."""


class LinkClicks:
    """One for each web process. Its thread starts with the first click. Threads may share it."""

    def __init__(self, database: Database, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._database = database
        self._every_seconds = every_seconds
        self._counted: dict[str, Clicks] = {}
        self._counting = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def count(self, code: str) -> None:
        """Count a click of an existing link."""
        now = datetime.now(UTC)
        with self._counting:
            self._add({code: Clicks(clicks=1, first_at=now, last_at=now)})
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="link clicks", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Add what was counted. Never raises: what cannot be written is kept for the next time."""
        with self._writing:
            with self._counting:
                taken, self._counted = self._counted, {}
            if taken:
                self._write(taken)

    def close(self) -> None:
        """End the thread, then write what is left, once. May be called twice. Call it before the pool is closed."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self.write()

    def _write(self, taken: dict[str, Clicks]) -> None:
        try:
            with system_scope(self._database) as connection:
                links.add_clicks(connection, taken)
        except OutcomeUnknown:
            log.warning("clicks of links may have been lost: the connection broke while they were written")
        except psycopg.Error as error:
            log.debug("clicks of links wait: PostgreSQL is not available", error=type(error).__name__)
            with self._counting:
                self._add(taken)

    def _add(self, more: dict[str, Clicks]) -> None:
        for code, clicks in more.items():
            before = self._counted.get(code)
            if before is not None:
                self._counted[code] = Clicks(
                    clicks=before.clicks + clicks.clicks,
                    first_at=min(before.first_at, clicks.first_at),
                    last_at=max(before.last_at, clicks.last_at),
                )
            elif len(self._counted) < MOST_LINKS:
                self._counted[code] = clicks

    def _run(self) -> None:
        while not self._closing.wait(self._every_seconds):
            try:
                self.write()
            except Exception:  # the thread must not end: later clicks can be written
                log.exception("clicks of links cannot be written")
