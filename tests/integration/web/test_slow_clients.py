"""Clients that send or read slowly: the API answers the others meanwhile, and disconnects the slow ones in time."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.harness.slow_clients import SlowClients, read_to_the_end, send_and_reset, trickle
from tests.harness.waiting import wait_until
from tests.harness.web_server import WebServer, running_web

HALF_A_HEAD = b"GET /health/live HTTP/1.1\r\nHost: example.org\r\nX-Half: "
CALLBACK = f"POST /callbacks/sms/{uuid4()}/1 HTTP/1.1\r\nHost: example.org\r\n"
HALF_A_BODY = (
    f"{CALLBACK}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nMessageSid=".encode()
)
LONG_DEADLINES = {"HTTP_HEADER_SECONDS": "90", "HTTP_BODY_SECONDS": "90", "HTTP_BYTES_PER_SECOND": "1000000"}
"""Longer than the timeout of a request of the tests: while a slow client blocks the server, no other is answered."""
SHORT_DEADLINES = {"HTTP_HEADER_SECONDS": "3", "HTTP_BODY_SECONDS": "3", "HTTP_BYTES_PER_SECOND": "1000000"}


@pytest.fixture(scope="module")
def web(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Generator[WebServer]:
    with running_web(settings, tmp_path_factory.mktemp("web"), **SHORT_DEADLINES) as web:
        yield web


@dataclass(frozen=True, kw_only=True)
class ExpiredAnswers:
    """All that each client received before its deadline passed and the server closed the connection."""

    half_a_body: bytes
    request_and_half_a_head: bytes
    nothing: bytes


@pytest.fixture(scope="module")
def expired(web: WebServer) -> ExpiredAnswers:
    """The clients wait at the same time, because each deadline lasts seconds."""
    with SlowClients(web.port) as slow:
        clients = [
            *slow.open(1, HALF_A_BODY),
            *slow.open(1, b"GET /health/live HTTP/1.1\r\nHost: example.org\r\n\r\n" + HALF_A_HEAD),
            *slow.open(1, b""),
        ]
        answers = [read_to_the_end([client], seconds=60) for client in clients]
    [half_a_body], [request_and_half_a_head], [nothing] = answers
    return ExpiredAnswers(half_a_body=half_a_body, request_and_half_a_head=request_and_half_a_head, nothing=nothing)


@pytest.mark.extended
def test_others_are_answered_while_clients_send_or_read_slowly(
    settings: Settings, church: KnownChurch, tmp_path: Path
) -> None:
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: example.org\r\n\r\n"
    with running_web(settings, tmp_path, **LONG_DEADLINES) as web, SlowClients(web.port) as slow:
        slow.open(500, HALF_A_HEAD)
        slow.open(500, HALF_A_BODY)

        for _ in range(5):
            trickle(slow.sockets)
            assert web.get("/health/live")[0] == 200
            assert web.get("/api/contacts", headers=church.bearer)[0] == 200

        # More clients than the server has threads, and more answers than the system's buffers take.
        slow.open(20, ask * 20, receive_buffer=4096)
        for _ in range(5):
            assert web.get("/health/live")[0] == 200
            assert web.get("/api/contacts", headers=church.bearer)[0] == 200
        assert "connections closed" not in web.log.read_text()


@pytest.mark.extended
def test_five_hundred_slow_heads_and_as_many_bodies_are_ended_at_their_deadlines(web: WebServer) -> None:
    with SlowClients(web.port) as slow:
        heads = slow.open(500, HALF_A_HEAD)
        bodies = slow.open(500, HALF_A_BODY)

        for clients in (heads, bodies):
            ended = read_to_the_end(clients, seconds=60)
            assert len(ended) == 500
            answers = {answer.partition(b"\r\n")[0] for answer in ended}
            assert answers == {b"HTTP/1.1 408 Request Timeout"}


def test_a_slow_client_gets_a_problem_with_the_reason(expired: ExpiredAnswers) -> None:
    head, _, body = expired.half_a_body.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"Connection: close" in head
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("/docs#problem-request-too-slow", 408)
    assert f"X-Request-ID: {problem['requestId']}".encode() in head


@pytest.mark.extended
def test_clients_that_do_not_read_their_answers_are_disconnected(web: WebServer) -> None:
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: example.org\r\n\r\n"
    before = web.ended("a response was not read")
    with SlowClients(web.port) as slow:
        clients = slow.open(20, ask * 20, receive_buffer=4096)

        wait_until(lambda: web.ended("a response was not read") == before + len(clients), timeout_seconds=60)
        ended = read_to_the_end(clients, seconds=60)
        assert len(ended) == len(clients)
        assert max(answer.count(b"HTTP/1.1 200 OK") for answer in ended) < 20


def test_half_a_request_on_a_kept_connection_times_out_too(expired: ExpiredAnswers) -> None:
    assert expired.request_and_half_a_head.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 408 Request Timeout" in expired.request_and_half_a_head


def test_a_connection_without_a_request_is_closed_without_an_answer(expired: ExpiredAnswers) -> None:
    assert expired.nothing == b""


@pytest.mark.extended
def test_a_large_import_over_a_slow_link_succeeds(web: WebServer, church: KnownChurch) -> None:
    people = [{"name": "Ruth Bell", "phone": "+12025550123"}]
    body = json.dumps({"contacts": people}).encode().ljust(8_000_000)
    head = (
        f"POST /api/contacts HTTP/1.1\r\nHost: example.org\r\nAuthorization: Bearer {church.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as link:
        link.sendall(head.encode())
        for at in range(0, len(body), 200_000):
            link.sendall(body[at : at + 200_000])
            time.sleep(0.1)  # the speed of the link: four seconds in all, more than HTTP_BODY_SECONDS
        answer = b"".join(iter(lambda: link.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK"), answer[:500]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["created"] == 1


@pytest.mark.extended
def test_large_bodies_that_never_end_are_held_in_bounded_memory(settings: Settings, tmp_path: Path) -> None:
    head = CALLBACK.encode() + b"Content-Length: 8000000\r\n\r\n"
    with running_web(settings, tmp_path, HTTP_BUFFER_BYTES="20000000") as web, SlowClients(web.port) as slow:
        before = web.worker_memory()
        clients = [slow.open(1, head + bytes(6_000_000))[0] for _ in range(20)]

        ended = read_to_the_end(clients[:17], seconds=60)
        assert len(ended) == 17  # three of these fit
        assert {answer.partition(b"\r\n")[0] for answer in ended} <= {b"HTTP/1.1 503 Service Unavailable", b""}
        assert web.worker_memory() - before < 60_000_000
        assert web.get("/health/live")[0] == 200


@pytest.mark.extended
def test_requests_of_disconnected_clients_use_no_memory_while_every_thread_is_busy(
    settings: Settings, database: Database, church: KnownChurch, tmp_path: Path
) -> None:
    """A client that resets its connections is not limited by their number, so its requests must not stay in memory."""

    def importing(body: bytes) -> bytes:
        key = church.bearer["Authorization"]
        head = f"POST /api/contacts HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    with running_web(settings, tmp_path) as web, SlowClients(web.port) as slow:
        before = web.worker_memory()
        with system_scope(database) as connection:
            connection.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")  # every request with a key waits
            slow.open(32, importing(b"{}"))  # two for each thread
            for _ in range(40):
                send_and_reset(web.port, importing(bytes(7_000_000)))
            wait_until(lambda: web.worker_memory() - before < 100_000_000)
        assert web.get("/health/live")[0] == 200


@pytest.mark.extended
def test_the_longest_waiting_connections_are_closed_for_new_ones(settings: Settings, tmp_path: Path) -> None:
    with running_web(settings, tmp_path, HTTP_CONNECTIONS="50") as web, SlowClients(web.port) as slow:
        clients = slow.open(200, HALF_A_HEAD)

        assert web.get("/health/live")[0] == 200
        wait_until(lambda: web.ended("too many connections") >= 150)
        ended = read_to_the_end(clients[:150], seconds=60)
        assert len(ended) == 150
        assert {answer.partition(b"\r\n")[0] for answer in ended} <= {b"HTTP/1.1 503 Service Unavailable", b""}
