"""An app that starts while PostgreSQL is unreachable answers 503, and serves as soon as it is reachable."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from api.app import create_app
from api.services import services
from settings import Settings
from tests.harness.churches import KnownChurch
from tests.harness.database_proxy import database_proxy
from tests.harness.waiting import wait_until


def test_the_app_starts_without_postgresql_and_serves_when_it_is_back(
    settings: Settings, church: KnownChurch, free_port: int
) -> None:
    address = urlsplit(settings.database_url)
    assert address.port is not None
    elsewhere = settings.database_url.replace(f":{address.port}/", f":{free_port}/")
    app = create_app(settings.model_copy(update={"database_url": elsewhere}))
    database = services(app).database
    database.timeouts = replace(database.timeouts, connection=0.5)  # seconds
    client = app.test_client()

    away = client.get("/api/contacts", headers=church.bearer)
    assert away.status_code == 503
    assert int(away.headers["Retry-After"]) > 0

    with database_proxy(settings.database_url, free_port):
        wait_until(lambda: client.get("/api/contacts", headers=church.bearer).status_code == 200, timeout_seconds=60)
        services(app).close()
