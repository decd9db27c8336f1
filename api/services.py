"""What all requests of an app share: settings, database connections and the job queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask, current_app

from api.group_commit import GroupCommit
from jobs.job_queue.job_queue import JobQueue
from jobs.job_queue.open_job_queue import open_buffered_job_queue
from settings import Settings
from store import receipts
from store.database import Database, open_database, system_scope
from store.receipts import Receipt
from store.timeouts import WEB

_NAME = "koinonia"
_RECEIPT_SECONDS = 5.0
"""How long a callback waits for the group commit. The timeouts of the database are shorter (store/timeouts.py)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    settings: Settings
    database: Database
    job_queue: JobQueue
    receipts: GroupCommit[Receipt]
    """Stores receipts that arrive at the same time in one transaction."""

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self.job_queue.close()
        self.database.close()


def open_services(settings: Settings) -> Services:
    """Open the services. PostgreSQL and Redis need not be reachable yet."""
    database = open_database(settings.database_url, size=settings.database_pool_size, name="web", timeouts=WEB)

    def store_receipts(new_receipts: Sequence[Receipt]) -> None:
        with system_scope(database) as connection:
            receipts.insert(connection, new_receipts)

    job_queue = open_buffered_job_queue(settings)
    group_commit = GroupCommit(store_receipts, timeout_seconds=_RECEIPT_SECONDS)
    return Services(settings=settings, database=database, job_queue=job_queue, receipts=group_commit)


def install(app: Flask, services: Services) -> None:
    app.extensions[_NAME] = services


def services(app: Flask | None = None) -> Services:
    """Return the services of the app, or of the current request's app."""
    return (app or current_app).extensions[_NAME]
