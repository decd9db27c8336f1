"""Status callbacks to gunicorn as it is deployed: answered only when committed, whoever sends them in whatever form."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator

import pytest

from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.harness.status_callbacks import StatusCallback
from tests.harness.waiting import wait_until
from tests.harness.web_server import WebServer, running_web
from tests.integration.web.callback_requests import (
    FORGED,
    SIGNED,
    WAITING,
    await_read,
    await_waiting_insert,
    count,
    events,
    has_answer,
    ids,
    locked_receipts,
    open_and_send,
    read_heads,
    reset,
    stored,
)

LIVE = b"GET /health/live HTTP/1.1\r\nHost: example.org\r\n\r\n"


@pytest.fixture(scope="module")
def web(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Generator[WebServer]:
    with running_web(settings, tmp_path_factory.mktemp("web")) as web:
        yield web


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
