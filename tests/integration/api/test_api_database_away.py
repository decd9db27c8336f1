"""An app that starts while PostgreSQL is unreachable answers 503, and serves as soon as it is reachable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from api.app import create_app
from api.services import services
from settings import Settings
from tests.harness.churches import KnownChurch
from tests.harness.waiting import wait_until


@contextmanager
def forwarded(port: int, to_port: int) -> Generator[None]:
    """Forwards connections to `port` to `to_port`."""
    loop = asyncio.new_event_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to_port)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = loop.run_until_complete(asyncio.start_server(join, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def test_the_app_starts_without_postgresql_and_serves_when_it_is_back(
    settings: Settings, church: KnownChurch, free_port: int
) -> None:
    address = urlsplit(settings.database_url)
    assert address.port is not None
    elsewhere = settings.database_url.replace(f":{address.port}/", f":{free_port}/")
    app = create_app(settings.model_copy(update={"database_url": elsewhere}))
    database = services(app).database
    database.limits = replace(database.limits, connection=0.5)  # seconds
    client = app.test_client()

    away = client.get("/api/contacts", headers=church.bearer)
    assert away.status_code == 503
    assert int(away.headers["Retry-After"]) > 0

    with forwarded(free_port, address.port):
        wait_until(lambda: client.get("/api/contacts", headers=church.bearer).status_code == 200, timeout_seconds=60)
        services(app).close()
