"""HTTP/1.1: requests that arrive in pieces, connections that stay open, and requests that are refused."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Generator

import pytest

from settings import Settings
from tests.harness.churches import KnownChurch
from tests.harness.waiting import wait_until
from tests.harness.web_server import WebServer, running_web

LIVE = b"GET /health/live HTTP/1.1\r\nHost: example.org\r\n\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
POST = "POST /api/contacts HTTP/1.1\r\nHost: example.org\r\n"
ONE_CONTACT = json.dumps({"contacts": [{"name": "Ruth Bell", "phone": "+12025550123"}]}).encode()


@pytest.fixture(scope="module")
def web(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Generator[WebServer]:
    with running_web(settings, tmp_path_factory.mktemp("web")) as web:
        yield web


def post(church: KnownChurch, *headers: str) -> bytes:
    lines = (f"Authorization: Bearer {church.key}", "Content-Type: application/json", *headers, "Connection: close")
    return (POST + "\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(body: bytes, *, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;name=value\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"


def statuses(answers: bytes) -> list[int]:
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


# --- Requests that are served -----------------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order(web: WebServer) -> None:
    missing = b"GET /missing HTTP/1.1\r\nHost: example.org\r\n\r\n"

    assert statuses(web.exchange(LIVE + missing + LIVE + missing + LAST)) == [200, 404, 200, 404, 200]


def test_many_pipelined_requests_are_all_answered(web: WebServer) -> None:
    missing = b"GET /missing HTTP/1.1\r\nHost: example.org\r\nX-Padding: %b\r\n\r\n" % (b"x" * 4000)

    assert statuses(web.exchange(missing * 100 + LAST)) == [*[404] * 100, 200]  # more than is read ahead


def test_a_connection_is_kept_for_further_requests(web: WebServer, church: KnownChurch) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    connection.connect()
    first = connection.sock.getsockname()
    for body in (None, ONE_CONTACT, None, ONE_CONTACT):
        headers = {**church.bearer, "Content-Type": "application/json"}
        connection.request("POST" if body else "GET", "/api/contacts", body=body, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        assert connection.sock.getsockname() == first
    connection.close()


def test_a_request_may_arrive_byte_by_byte(web: WebServer, church: KnownChurch) -> None:
    request = post(church, f"Content-Length: {len(ONE_CONTACT)}") + ONE_CONTACT
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.send(bytes([byte]))
        assert statuses(b"".join(iter(lambda: connection.recv(65536), b""))) == [200]


@pytest.mark.parametrize("size", [1, 7, 50, 1_000_000])
def test_a_chunked_body_is_joined(web: WebServer, church: KnownChurch, size: int) -> None:
    answer = web.exchange(post(church, "Transfer-Encoding: chunked") + chunked(ONE_CONTACT, size=size))

    assert statuses(answer) == [200]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["created"] == 1


def test_the_bytes_after_a_chunked_body_are_the_next_request(web: WebServer, church: KnownChurch) -> None:
    request = post(church, "Transfer-Encoding: chunked").replace(b"Connection: close\r\n", b"")

    assert statuses(web.exchange(request + chunked(ONE_CONTACT, size=9) + LAST)) == [200, 200]


def test_a_client_that_expects_it_gets_a_100_continue(web: WebServer, church: KnownChurch) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.sendall(post(church, f"Content-Length: {len(ONE_CONTACT)}", "Expect: 100-continue"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ONE_CONTACT)
        assert statuses(b"".join(iter(lambda: connection.recv(65536), b""))) == [200]


def test_a_body_too_large_gets_a_413_instead_of_a_100_continue(web: WebServer, church: KnownChurch) -> None:
    asked = post(church, "Content-Length: 9000000", "Expect: 100-continue")

    assert statuses(web.exchange(asked)) == [413]


def test_a_client_that_has_shut_down_its_sending_side_is_answered(web: WebServer) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.sendall(LIVE)
        connection.shutdown(socket.SHUT_WR)
        assert statuses(b"".join(iter(lambda: connection.recv(65536), b""))) == [200]


def test_http_1_0_is_answered_and_closed(web: WebServer) -> None:
    answer = web.exchange(b"GET /health/live HTTP/1.0\r\n\r\n")

    assert b" 200 OK\r\n" in answer
    assert b"Connection: close\r\n" in answer


def test_the_answer_to_head_has_no_body(web: WebServer) -> None:
    answer = web.exchange(LAST.replace(b"GET", b"HEAD"))

    assert statuses(answer) == [200]
    assert answer.endswith(b"\r\n\r\n")


def test_an_unread_body_is_not_parsed_as_a_request(web: WebServer) -> None:
    ask = b"GET /missing HTTP/1.1\r\nHost: example.org\r\nContent-Length: %d\r\n\r\n" % len(LIVE)

    assert statuses(web.exchange(ask + LIVE + LAST)) == [404, 200]


@pytest.mark.parametrize(("reported", "used"), [("https", "https"), ("http", "http")])
def test_the_scheme_that_a_local_proxy_reports_is_used(web: WebServer, reported: str, used: str) -> None:
    ask = (
        f"GET /health/live/ HTTP/1.1\r\nHost: example.org\r\nX-Forwarded-Proto: {reported}\r\nConnection: close\r\n\r\n"
    )

    assert statuses(web.exchange(ask.encode())) == [404]
    double = ask.replace("\r\nConnection", "\r\nX-Forwarded-Ssl: off\r\nConnection")
    assert statuses(web.exchange(double.encode())) == [400 if used == "https" else 404]  # they contradict each other


# --- Requests that are refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", 400, id="no request line"),
        pytest.param(b"\r\n\r\n", 400, id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, id="a space before the colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, id="a folded header"),
        pytest.param(b"GET / HTTP/1.1\r\nA: b\nHost: a\r\n\r\n", 400, id="a bare line feed"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400, id="another version"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\n\r\n", 417, id="another expectation"),
        pytest.param(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, id="a long address"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431, id="a long header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431, id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 11_000, 431, id="headers without end"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, id="two lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", 400, id="a length with a sign"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 8400001\r\n\r\n", 413, id="a body too large"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            id="a length and chunks",
        ),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400, id="no length at all"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", 501, id="an unknown coding"),
        pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="chunks in HTTP/1.0"),
    ],
)
def test_a_malformed_request_is_refused_with_a_problem_and_nothing_after_it_is_read(
    web: WebServer, sent: bytes, status: int
) -> None:
    answer = web.exchange(sent + LAST)

    assert statuses(answer) == [status]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"5\r\nhelloworld\r\n0\r\n\r\n", 400, id="a chunk longer than it says"),
        pytest.param(b"0x5\r\nhello\r\n0\r\n\r\n", 400, id="a size with a prefix"),
        pytest.param(b"-5\r\nhello\r\n0\r\n\r\n", 400, id="a negative size"),
        pytest.param(b"\r\nhello\r\n0\r\n\r\n", 400, id="no size"),
        pytest.param(b"5 \r\nhello\r\n0\r\n\r\n", 400, id="a space after the size"),
        pytest.param(b"5;\x01\r\nhello\r\n0\r\n\r\n", 400, id="a malformed extension"),
        pytest.param(b"5\nhello\r\n0\r\n\r\n", 400, id="a bare line feed"),
        pytest.param(b"0\r\nContent-Length: 5\r\n\r\n", 400, id="a length as a trailer"),
        pytest.param(b"0\r\n" + b"X: y\r\n" * 2000 + b"\r\n", 431, id="many trailers"),
        pytest.param(b"ffffffffffffffffff\r\n", 400, id="a size beyond counting"),
        pytest.param(b"7fffffffffffffff\r\n", 413, id="a huge chunk"),
        pytest.param(b"8000\r\n" + bytes(32_768) + b"\r\n8000000\r\n", 413, id="too much in all"),
        pytest.param(b"1\r\nx\r\n" * 50_000, 400, id="many small chunks"),
    ],
)
def test_a_malformed_chunked_body_is_refused_and_nothing_after_it_is_read(
    web: WebServer, body: bytes, status: int
) -> None:
    head = f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode()

    assert statuses(web.exchange(head + body + LAST)) == [status]


def test_a_refusal_reaches_a_client_that_is_still_sending(web: WebServer, church: KnownChurch) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.sendall(post(church, "Content-Length: 90000000"))
        assert connection.recv(1, socket.MSG_PEEK) == b"H"  # the answer is there, and the client goes on
        for _ in range(3):
            connection.sendall(bytes(500_000))
        assert statuses(b"".join(iter(lambda: connection.recv(65536), b""))) == [413]


def test_a_client_that_keeps_sending_after_its_refusal_is_disconnected(web: WebServer, church: KnownChurch) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.sendall(post(church, "Content-Length: 90000000"))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while True:
                connection.sendall(bytes(1_000_000))
                time.sleep(0.05)


# --- The end of the process -------------------------------------------------------------------------------------------


def test_a_partly_received_request_is_served_while_the_process_ends(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, church: KnownChurch
) -> None:
    with running_web(settings, tmp_path_factory.mktemp("ending"), HTTP_HEADER_SECONDS="60") as web:
        request = post(church, f"Content-Length: {len(ONE_CONTACT)}").replace(b"Connection: close\r\n", b"")
        idle = socket.create_connection(("127.0.0.1", web.port), timeout=30)
        with socket.create_connection(("127.0.0.1", web.port), timeout=30) as begun:
            begun.sendall(request + ONE_CONTACT[:10])
            assert web.get("/health/live")[0] == 200  # so the connections before it were accepted
            web.process.terminate()
            wait_until(lambda: not accepts(web.port))
            begun.sendall(ONE_CONTACT[10:])
            answer = b"".join(iter(lambda: begun.recv(65536), b""))
        assert statuses(answer) == [200]
        assert b"Connection: close\r\n" in answer
        assert idle.recv(1) == b""  # closed before its own minute is over
        idle.close()
        assert web.process.wait(timeout=30) == 0


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True
