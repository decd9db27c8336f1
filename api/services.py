"""What all requests of an app share: settings, database connections and the job queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Flask, current_app

if TYPE_CHECKING:  # imported when the services are opened, so that `flask --help` does not wait for them
    from jobs.job_queue.job_queue import JobQueue
    from metrics.measurements import Measurements
    from settings import Settings
    from store.database import Database
    from store.link_clicks import LinkClicks
    from store.measurement_writer import MeasurementWriter

_NAME = "koinonia"


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    settings: Settings
    database: Database
    job_queue: JobQueue
    measurements: Measurements
    measurement_writer: MeasurementWriter
    link_clicks: LinkClicks

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self.job_queue.close()
        self.link_clicks.close()
        self.measurement_writer.close()
        self.database.close()


def open_services(settings: Settings) -> Services:
    """Open the services. PostgreSQL and Redis need not be reachable yet."""
    from jobs.job_queue.open_job_queue import open_buffered_job_queue
    from metrics.measurements import Measurements
    from store.database import open_database
    from store.link_clicks import LinkClicks
    from store.measurement_writer import MeasurementWriter
    from store.timeouts import WEB

    database = open_database(settings.database_url, size=settings.database_pool_size, name="web", timeouts=WEB)
    measurements = Measurements()
    return Services(
        settings=settings,
        database=database,
        job_queue=open_buffered_job_queue(settings),
        measurements=measurements,
        measurement_writer=MeasurementWriter(database, measurements),
        link_clicks=LinkClicks(database),
    )


def install(app: Flask, get_services: Callable[[], Services]) -> None:
    """Let `services()` return what `get_services` returns, which is the same at each call."""
    app.extensions[_NAME] = get_services


def services(app: Flask | None = None) -> Services:
    """Return the services of the app, or of the current request's app."""
    return (app or current_app).extensions[_NAME]()
