"""The watchers: which of them checks, when each was seen at work, and their samples of counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store import sql

_SQL = sql.load("watchers")

WatchingProcess = Literal["clock", "worker"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Watcher:
    """A process that watches."""

    process: WatchingProcess
    host: str
    seen_seconds_ago: float
    disk_used_percent: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Counters at one time."""

    seconds_ago: float
    counters: Mapping[str, Any]


def record(
    connection: Connection[Any], *, process: WatchingProcess, host: str, disk_used_percent: float | None
) -> None:
    """Store that the process was seen at work now."""
    names = {"process": process, "host": host, "disk_used_percent": disk_used_percent}
    connection.execute(_SQL["record_watcher"], names)


def list_watchers(connection: Connection[Any]) -> list[Watcher]:
    """Returns those of the last day."""
    with connection.cursor(row_factory=class_row(Watcher)) as cursor:
        return cursor.execute(_SQL["list_watchers"]).fetchall()


def take_lease(connection: Connection[Any], *, holder: str, seconds: float) -> bool:
    """Take or renew the lease. Returns False while another watcher holds it."""
    return connection.execute(_SQL["take_lease"], {"holder": holder, "seconds": seconds}).rowcount == 1


def release_lease(connection: Connection[Any], *, holder: str) -> None:
    """Let another watcher take the lease at once."""
    connection.execute(_SQL["release_lease"], {"holder": holder})


def add_sample(connection: Connection[Any], counters: Mapping[str, Any]) -> None:
    """Store the counters as of now, and delete what is too old to be used."""
    connection.execute(_SQL["insert_sample"], {"counters": Jsonb(dict(counters))})
    connection.execute(_SQL["delete_old_samples"])
    connection.execute(_SQL["delete_old_watchers"])


def list_samples(connection: Connection[Any]) -> list[Sample]:
    """Returns the samples of the last twelve minutes, the newest first."""
    with connection.cursor(row_factory=class_row(Sample)) as cursor:
        return cursor.execute(_SQL["list_samples"]).fetchall()
