"""What the requests of one app share: its settings, its connections and its bell."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from jobs.doorbell import Doorbell
from settings import Settings
from store.database import Database

_NAME = "koinonia"


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    settings: Settings
    database: Database
    doorbell: Doorbell

    def close(self) -> None:
        """Give the connections back. May be called twice."""
        self.doorbell.close()
        self.database.close()


def install(app: Flask, services: Services) -> None:
    app.extensions[_NAME] = services


def services(app: Flask | None = None) -> Services:
    """Those of the app, or of the one that serves the present request."""
    return (app or current_app).extensions[_NAME]
