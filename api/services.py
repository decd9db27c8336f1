"""What the requests of one app share: its settings, its connections and its bell."""

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
"""How long a callback waits for others that are stored with it. Their own limits end before (store/timeouts.py)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    settings: Settings
    database: Database
    job_queue: JobQueue
    receipts: GroupCommit[Receipt]
    """Where carriers' receipts are stored: they come in swarms."""

    def close(self) -> None:
        """Give the connections back. May be called twice."""
        self.job_queue.close()
        self.database.close()


def open_services(settings: Settings) -> Services:
    """Works while PostgreSQL and Redis are away: they are needed when something is asked of them."""
    database = open_database(settings.database_url, size=settings.database_pool_size, name="web", limits=WEB)

    def store_receipts(told: Sequence[Receipt]) -> None:
        with system_scope(database) as connection:
            receipts.insert(connection, told)

    job_queue = open_buffered_job_queue(settings)
    group_commit = GroupCommit(store_receipts, patience_seconds=_RECEIPT_SECONDS)
    return Services(settings=settings, database=database, job_queue=job_queue, receipts=group_commit)


def install(app: Flask, services: Services) -> None:
    app.extensions[_NAME] = services


def services(app: Flask | None = None) -> Services:
    """Those of the app, or of the one that serves the present request."""
    return (app or current_app).extensions[_NAME]
