"""Status callbacks to gunicorn as it is deployed: answered only when committed, whatever is disconnected or killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.harness.database_proxy import Fault, database_proxy
from tests.harness.status_callbacks import SignedCallbacks, StatusCallback
from tests.harness.waiting import wait_until
from tests.harness.web_server import WebServer, running_web
from tests.integration.web.conftest import TWILIO_TOKEN

PUBLIC_URL = "https://texts.example.org"
SIGNED = SignedCallbacks(public_url=PUBLIC_URL, token=TWILIO_TOKEN)
FORGED = SignedCallbacks(public_url=PUBLIC_URL, token="x" * 32)
LIVE = b"GET /health/live HTTP/1.1\r\nHost: example.org\r\n\r\n"
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO receipts%' AND datname = current_database()
"""


@pytest.fixture(scope="module")
def web(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Generator[WebServer]:
    with running_web(settings, tmp_path_factory.mktemp("web")) as web:
        yield web


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


# --- Answered only when committed -------------------------------------------------------------------------------------


def test_a_callback_is_answered_only_when_its_receipt_is_committed(web: WebServer, database: Database) -> None:
    callback = SIGNED.callback()
    with locked_receipts(database):
        client = open_and_send(web.port, callback.request())
        await_waiting_insert(database)
        assert web.get("/health/live")[0] == 200
        assert not has_answer(client)

    [head] = read_heads(client, 1)
    assert head.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert stored(database) == ids(callback)
    client.close()


def test_what_arrives_during_a_write_is_one_transaction(web: WebServer, database: Database) -> None:
    first, others = SIGNED.callback(), [SIGNED.callback() for _ in range(40)]
    with locked_receipts(database):
        clients = [open_and_send(web.port, first.request())]
        await_waiting_insert(database)
        clients += [open_and_send(web.port, each.request()) for each in others]
        await_read(web)

    for client in clients:
        assert read_heads(client, 1)[0].startswith(b"HTTP/1.1 204")
        client.close()
    assert stored(database) == ids(first, *others)
    assert count(database, "SELECT count(DISTINCT xmin::text) FROM receipts") == 2


def test_neither_flask_nor_a_thread_serves_an_accepted_callback(web: WebServer, database: Database) -> None:
    before = len(events(web, "request"))

    for status in ("sending", "sent", "delivered"):
        read_heads(open_and_send(web.port, SIGNED.callback(status).request()), 1)
    assert web.get("/missing")[0] == 404

    assert [line["route"] for line in events(web, "request")[before:]] == [None]


def test_a_callback_that_is_repeated_after_the_process_was_killed_is_stored_once(
    settings: Settings, database: Database, tmp_path: Path, free_port: int
) -> None:
    """It is committed, and the process is killed before it has answered."""
    callback = SIGNED.callback()
    with database_proxy(settings.database_url, free_port) as proxy:
        with running_web(settings.model_copy(update={"database_url": proxy.url}), tmp_path) as web:
            read_heads(open_and_send(web.port, SIGNED.callback().request()), 1)
            proxy.next_commit = Fault.SILENCE
            client = open_and_send(web.port, callback.request())
            wait_until(lambda: callback.carrier_id in stored(database))
            os.kill(web.worker_pid(), signal.SIGKILL)
            with suppress(ConnectionResetError):
                assert client.recv(65536) == b""
            web.process.kill()
        proxy.is_silent = False
        with running_web(settings.model_copy(update={"database_url": proxy.url}), tmp_path) as web:
            again = open_and_send(web.port, callback.request())
            assert read_heads(again, 1)[0].startswith(b"HTTP/1.1 204")

    assert stored(database).count(callback.carrier_id) == 1


# --- Clients ----------------------------------------------------------------------------------------------------------


def test_the_receipt_of_a_client_that_disconnects_is_stored_and_the_others_are_answered(
    web: WebServer, database: Database
) -> None:
    first, lost, kept = SIGNED.callback(), SIGNED.callback(), SIGNED.callback()
    with locked_receipts(database):
        clients = [open_and_send(web.port, first.request())]
        await_waiting_insert(database)
        leaving = open_and_send(web.port, lost.request())
        clients.append(open_and_send(web.port, kept.request()))
        await_read(web)
        reset(leaving)

    for client in clients:
        assert read_heads(client, 1)[0].startswith(b"HTTP/1.1 204")
    assert stored(database) == ids(first, lost, kept)


def test_a_callback_may_arrive_in_pieces(web: WebServer, database: Database) -> None:
    whole, split = SIGNED.callback(), SIGNED.callback()
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in whole.request():
            client.send(bytes([byte]))
        read_heads(client, 1)
        client.sendall(split.head())
        assert web.get("/health/live")[0] == 200
        client.sendall(split.body())
        assert read_heads(client, 1)[0].startswith(b"HTTP/1.1 204")

    assert stored(database) == ids(whole, split)


def test_many_pipelined_callbacks_and_other_requests_are_answered_in_their_order(
    web: WebServer, database: Database
) -> None:
    """Of those that report nothing new, a thousand fit into what the event loop receives at once."""
    callbacks = [SIGNED.callback("sending") for _ in range(1_000)]
    stored_one = SIGNED.callback()
    missing = b"GET /missing HTTP/1.1\r\nHost: example.org\r\n\r\n"
    last = SIGNED.callback("sending").request(replaced={"Connection": "close"})

    answers = web.exchange(
        b"".join(each.request() for each in callbacks) + missing + stored_one.request() + missing + last
    )

    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [*[b"204"] * 1_000, b"404", b"204", b"404", b"204"]
    assert stored(database) == ids(stored_one)


# --- What the event loop does not take --------------------------------------------------------------------------------


def chunked(callback: StatusCallback) -> bytes:
    head = callback.head(replaced={"Content-Length": None, "Transfer-Encoding": "chunked"})
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(callback.body()), callback.body())


@pytest.mark.parametrize("kind", ["chunked", "with a query", "HTTP/1.0", "repeated field", "absolute", "large"])
def test_a_genuine_callback_of_any_form_is_stored(web: WebServer, database: Database, kind: str) -> None:
    callback = SIGNED.callback(query="?edition=2&x=%20" if kind == "with a query" else "")
    if kind == "large":
        callback = SIGNED.callback(Unknown="x" * 30_000)
    sent = {
        "chunked": chunked(callback),
        "HTTP/1.0": callback.request(version="1.0"),
        "repeated field": callback.head().replace(b"\r\n", b"\r\nX-Any: 1\r\nX-Any: 2\r\n", 1) + callback.body(),
        "absolute": callback.request().replace(b"POST /", b"POST https://texts.example.org/", 1),
    }.get(kind, callback.request())

    assert read_heads(open_and_send(web.port, sent), 1)[0].startswith(b"HTTP/1.1 204 ")

    assert stored(database) == ids(callback)


@pytest.mark.parametrize(
    ("status", "replaced"),
    [
        (400, {"Transfer-Encoding": "chunked"}),
        (400, {"Content-Length": "10, 10"}),
        (400, {"Content-Length": "+10"}),
        (400, {"X-Bad\x00Name": "1"}),
        (415, {"Content-Type": "application/json"}),
        (413, {"Content-Length": "70000"}),
        (403, {"X-Twilio-Signature": None}),
        (403, {"X-Twilio-Signature": None, "X_Twilio_Signature": "underscores"}),
    ],
)
def test_a_callback_that_is_not_well_formed_is_refused_as_every_request(
    web: WebServer, database: Database, status: int, replaced: dict[str, str | None]
) -> None:
    sent = SIGNED.callback().request(replaced={**replaced, "Connection": "close"})
    if status == 413:
        sent += bytes(70_000)

    head, _, body = web.exchange(sent).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["status"] == status
    assert stored(database) == []


def test_a_forged_callback_is_refused_counted_and_logged_once(web: WebServer, database: Database) -> None:
    counted = "SELECT coalesce(sum(refused), 0) FROM refused_callbacks"
    before = len(events(web, "request refused: its sender is not verified"))

    answer = web.exchange(FORGED.callback().request(replaced={"Connection": "close"}))

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"The signature is not valid." in answer
    assert count(database, counted) == 1
    assert len(events(web, "request refused: its sender is not verified")) == before + 1
    assert stored(database) == []


def test_a_flood_of_forged_callbacks_delays_neither_genuine_ones_nor_other_requests(
    web: WebServer, database: Database, church: KnownChurch
) -> None:
    """Counting them takes time, here as long as the lock is held. That must block neither the event loop nor the
    threads of other requests."""
    callback = SIGNED.callback()
    with system_scope(database) as connection:
        connection.execute("LOCK TABLE refused_callbacks IN ACCESS EXCLUSIVE MODE")
        flood = [open_and_send(web.port, FORGED.callback().request()) for _ in range(100)]
        wait_until(lambda: count(database, WAITING.replace("INSERT INTO receipts", "%refused_callbacks")) > 0)

        assert read_heads(open_and_send(web.port, callback.request()), 1)[0].startswith(b"HTTP/1.1 204")
        assert web.get("/api/contacts", headers=church.bearer)[0] == 200
        assert not any(map(has_answer, flood))

    for client in flood:
        assert client.recv(12) == b"HTTP/1.1 403"
        client.close()
    assert count(database, "SELECT sum(refused) FROM refused_callbacks") == 100
    assert stored(database) == ids(callback)


# --- PostgreSQL is away or slow ---------------------------------------------------------------------------------------


def test_callbacks_are_answered_503_while_postgresql_is_away(
    settings: Settings, database: Database, tmp_path: Path, free_port: int
) -> None:
    callback = SIGNED.callback()
    with database_proxy(settings.database_url, free_port) as proxy:
        behind = settings.model_copy(update={"database_url": proxy.url})
        with running_web(behind, tmp_path) as web:
            read_heads(open_and_send(web.port, SIGNED.callback().request()), 1)
            proxy.is_silent = True

            client = open_and_send(web.port, callback.request() + callback.request(replaced={"Connection": "close"}))
            answers = b"".join(iter(lambda: client.recv(65536), b""))

            assert answers.count(b"HTTP/1.1 503 Service Unavailable\r\n") == 2
            assert answers.count(b"\r\nRetry-After: 5\r\n") == 2
            assert answers.count(b"application/problem+json") == 2
            proxy.is_silent = False

            def is_stored() -> bool:
                again = web.exchange(callback.request(replaced={"Connection": "close"}))
                return again.startswith(b"HTTP/1.1 204")

            wait_until(is_stored, timeout_seconds=60)
    assert stored(database).count(callback.carrier_id) == 1


@pytest.mark.extended
def test_a_callback_whose_write_takes_too_long_is_answered_503(web: WebServer, database: Database) -> None:
    callback = SIGNED.callback()
    with locked_receipts(database):
        answer = web.exchange(callback.request(replaced={"Connection": "close"}))

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 5\r\n" in answer
    assert b"problem-outcome-unknown" in answer
    assert web.exchange(callback.request(replaced={"Connection": "close"})).startswith(b"HTTP/1.1 204")
    assert stored(database) == ids(callback)


# --- Stop -------------------------------------------------------------------------------------------------------------


def test_a_graceful_stop_answers_what_is_being_written_and_what_has_collected(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    first, second, abandoned = SIGNED.callback(), SIGNED.callback(), SIGNED.callback()
    with running_web(settings, tmp_path) as web:
        with locked_receipts(database):
            clients = [open_and_send(web.port, first.request())]
            await_waiting_insert(database)
            clients.append(open_and_send(web.port, second.request()))
            leaving = open_and_send(web.port, abandoned.request())
            await_read(web)
            reset(leaving)
            web.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _accepts(web.port), condition="the server accepts no more connections")
        heads = [read_heads(client, 1)[0] for client in clients]
        assert web.process.wait(timeout=60) == 0

    assert [head[:12] for head in heads] == [b"HTTP/1.1 204"] * 2
    assert all(b"\r\nConnection: close" in head for head in heads)
    assert stored(database) == ids(first, second, abandoned)


def test_a_graceful_stop_stores_what_waits_even_if_all_clients_have_left(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    first, second = SIGNED.callback(), SIGNED.callback()
    with running_web(settings, tmp_path) as web:
        with locked_receipts(database):
            clients = [open_and_send(web.port, first.request())]
            await_waiting_insert(database)
            clients.append(open_and_send(web.port, second.request()))
            await_read(web)
            for client in clients:
                reset(client)
            web.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _accepts(web.port), condition="the server accepts no more connections")
        assert web.process.wait(timeout=60) == 0

    assert stored(database) == ids(first, second)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except OSError:
        return False
    return True
