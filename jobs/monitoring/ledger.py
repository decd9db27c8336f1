"""What the watcher reads and writes in PostgreSQL. Each call is one short transaction, limited in time."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobs.monitoring import database_checks, notices
from jobs.monitoring.counter_checks import Submissions
from jobs.monitoring.database_checks import DatabaseState
from jobs.monitoring.incidents import Incident, kind_named
from jobs.monitoring.process_checks import disk_used_percent
from settings import Settings
from store import incidents, metrics, watchers
from store.database import open_database, system_scope
from store.incidents import Silence, StoredIncident
from store.timeouts import Timeouts
from store.watchers import Sample, Watcher, WatchingProcess

WATCHING = Timeouts(
    statement=5,
    lock=2,
    idle_in_transaction=10,
    connection=2.5,
    probe_after=2,
    unacknowledged=5,
    waits_for_server=False,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin:
    """What a round begins with."""

    holds_lease: bool
    incidents: list[Incident]
    silences: list[Silence]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    database: DatabaseState
    watchers: list[Watcher]
    samples: list[Sample]
    submissions: Submissions | None
    """None unless they were asked for."""


class Ledger:
    """All methods raise psycopg.OperationalError."""

    def __init__(self, settings: Settings, *, holder: str, process: WatchingProcess, lease_seconds: float) -> None:
        self._settings = settings
        self._holder = holder
        self._lease_seconds = lease_seconds
        self._process: WatchingProcess = process
        self._host = socket.gethostname()
        self._database = open_database(settings.database_url, size=1, name="watcher", timeouts=WATCHING)

    def begin_round(self, *, is_at_work: bool) -> Begin:
        """Store that this process is at work, take the lease if it is free, and load what is known."""
        with system_scope(self._database) as connection:
            if is_at_work:
                used = disk_used_percent(Path.cwd())
                watchers.record(connection, process=self._process, host=self._host, disk_used_percent=used)
            return Begin(
                holds_lease=watchers.take_lease(connection, holder=self._holder, seconds=self._lease_seconds),
                incidents=[from_row(row) for row in incidents.load(connection)],
                silences=incidents.load_silences(connection),
            )

    def measure(self, *, with_submissions: bool) -> Measured:
        with system_scope(self._database) as connection:
            return Measured(
                submissions=_submissions(connection) if with_submissions else None,
                database=database_checks.measure(connection, self._settings),
                watchers=watchers.list_watchers(connection),
                samples=watchers.list_samples(connection),
            )

    def add_sample(self, counters: dict[str, object]) -> None:
        with system_scope(self._database) as connection:
            watchers.add_sample(connection, counters)

    def store(self, changed: Iterable[Incident], *, stored: set[UUID]) -> tuple[list[Incident], list[UUID]]:
        """Store the changes. `stored` are the incidents that have a row.

        Returns the incidents as they are stored now, and the ids of those that another watcher has changed, or has
        stored for the same kind and subject.
        """
        written: list[Incident] = []
        superseded: list[UUID] = []
        with system_scope(self._database) as connection:
            for incident in changed:
                if incident.incident_id in stored:
                    incident = replace(incident, version=incident.version + 1)
                    is_written = incidents.update(connection, to_row(incident))
                else:
                    is_written = incidents.insert(connection, to_row(incident))
                if is_written:
                    written.append(incident)
                else:
                    superseded.append(incident.incident_id)
        return written, superseded

    def release_lease(self) -> None:
        with system_scope(self._database) as connection:
            watchers.release_lease(connection, holder=self._holder)

    def close(self) -> None:
        self._database.close(timeout=1.0)


def _submissions(connection: Connection[Any]) -> dict[str, dict[str, int]]:
    """How many submissions there were so far, by channel and result."""
    by_channel: dict[str, dict[str, int]] = {}
    for total in metrics.totals(connection, "koinonia_submissions_total"):
        by_channel.setdefault(total.labels["channel"], {})[total.labels["result"]] = round(total.value)
    return by_channel


def to_row(incident: Incident) -> StoredIncident:
    return StoredIncident(
        incident_id=incident.incident_id,
        kind=incident.kind.name,
        subject=incident.subject,
        opened_at=incident.opened_at,
        last_seen_at=incident.last_seen_at,
        told_at=incident.told_at,
        recovered_at=incident.recovered_at,
        summary=incident.summary,
        facts=incident.facts,
        checks_to_recover=incident.checks_to_recover,
        notices=[notices.to_json(notice) for notice in incident.notices],
        version=incident.version,
    )


def from_row(row: StoredIncident) -> Incident:
    return Incident(
        incident_id=row.incident_id,
        kind=kind_named(row.kind),
        subject=row.subject,
        opened_at=row.opened_at,
        last_seen_at=row.last_seen_at,
        recovered_at=row.recovered_at,
        summary=row.summary,
        facts=row.facts,
        checks_to_recover=row.checks_to_recover,
        notices=tuple(notices.from_json(notice) for notice in row.notices),
        version=row.version,
    )
