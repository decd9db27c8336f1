"""Sends status callbacks to a web process, holds their receipts back, and reads what is stored."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager

from store.database import Database, system_scope
from tests.harness.status_callbacks import SignedCallbacks, StatusCallback
from tests.harness.waiting import wait_until
from tests.harness.web_server import WebServer
from tests.integration.web.conftest import TWILIO_TOKEN

PUBLIC_URL = "https://texts.example.org"
SIGNED = SignedCallbacks(public_url=PUBLIC_URL, token=TWILIO_TOKEN)
FORGED = SignedCallbacks(public_url=PUBLIC_URL, token="x" * 32)
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO receipts%' AND datname = current_database()
"""


@contextmanager
def locked_receipts(database: Database) -> Generator[None]:
    """Inside the block, no receipt can be stored: their INSERT waits."""
    with system_scope(database) as connection:
        connection.execute("LOCK TABLE receipts IN SHARE MODE")
        yield


def await_waiting_insert(database: Database) -> None:
    wait_until(lambda: count(database, WAITING) == 1, condition="an INSERT of receipts waits for the lock")


def count(database: Database, query: str) -> int:
    with system_scope(database) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def stored(database: Database) -> list[str]:
    with system_scope(database) as connection:
        return [row[0] for row in connection.execute("SELECT carrier_id FROM receipts ORDER BY carrier_id")]


def ids(*callbacks: StatusCallback) -> list[str]:
    return sorted(each.carrier_id for each in callbacks)


def open_and_send(port: int, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(sent)
    return client


def read_heads(client: socket.socket, number: int) -> list[bytes]:
    """That many responses without a body."""
    received = b""
    while received.count(b"\r\n\r\n") < number:
        part = client.recv(65536)
        assert part, received
        received += part
    return received.split(b"\r\n\r\n")[:number]


def await_read(web: WebServer) -> None:
    """Wait until the server has read what was sent before: it reads in the order in which requests arrive."""
    assert web.exchange(SIGNED.callback("sending").request(replaced={"Connection": "close"})).startswith(
        b"HTTP/1.1 204"
    )


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def has_answer(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        client.settimeout(60)


def events(web: WebServer, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in web.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]
