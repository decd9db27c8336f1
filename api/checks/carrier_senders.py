"""Reads the senders of all churches for `flask check-carrier`."""

from __future__ import annotations

import psycopg

from api.checks.database_connection import CheckConnection
from channels.check_steps import CheckFailed
from channels.registry import CHANNELS
from settings import Settings
from store.senders import CarrierSender, list_carrier_senders


def read_senders(settings: Settings) -> list[CarrierSender] | None:
    """Return the senders; None if the database cannot be read."""
    try:
        with CheckConnection(settings.database_url) as session:
            session.open()
            with session.transaction() as connection:
                return list_carrier_senders(connection, channels=list(CHANNELS))
    except (CheckFailed, psycopg.Error):
        return None
