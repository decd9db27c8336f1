"""Does the work at startup that would otherwise slow down the first request."""

from __future__ import annotations

from flask import Flask
from psycopg import OperationalError

import logs
from api.services import services
from channels.registry import CHANNELS
from messaging.addresses import parse_phone
from store.errors import UnfitDatabase

_WAIT_SECONDS = 2.0

_log = logs.get_logger(__name__)


def warm_up(app: Flask) -> None:
    """Open a database connection, load the tables of phone numbers and characters, and sort the routes.

    If PostgreSQL cannot be reached within two seconds, the app starts anyway, and answers 503 until it can.
    """
    parse_phone("+12025550123")
    for channel in CHANNELS.values():
        channel.count_segments("Grace and peace")
    app.url_map.update()
    try:
        with services(app).database.connection(timeout=_WAIT_SECONDS):
            pass  # not `wait()`: it closes the pool for good when it times out
        services(app).database.refuse_unfit()
    except UnfitDatabase as error:
        _log.error(
            "the database is not fit for this release: requests are answered with 503 until it is", reason=str(error)
        )
    except OperationalError:
        _log.warning("PostgreSQL cannot be reached: requests are answered with 503 until it can")
