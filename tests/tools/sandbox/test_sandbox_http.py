"""HTTP: pipelined, fragmented and malformed requests."""

import json
import socket
from urllib.parse import urlsplit

import pytest
from raw_http import BASIC, MESSAGES, create_request, exchange
from twilio.rest import Client

from tools.sandbox.control import Faults, Sandbox

SENDER = "+15005550006"


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(latency_ms=30, latency_jitter_ms=30),
        Faults(latency_ms=50, only_to="+15551230003"),
    ],
    ids=["no latency", "latency for all", "latency for one"],
)
def test_pipelined_requests_are_answered_in_order(carrier: Sandbox, faults: Faults) -> None:
    carrier.set_faults(faults)
    sent = b"".join(create_request(f"1555123{n:04d}") for n in range(30))

    received = exchange(carrier.base_url, sent, answers=30)

    bodies = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert [json.loads(body)["to"] for body in bodies] == [f"+1555123{n:04d}" for n in range(30)]


def test_a_request_may_arrive_byte_by_byte(carrier: Sandbox) -> None:
    address = urlsplit(carrier.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in create_request("15551230001"):
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


HEAD = f"Host: sandbox\r\nAuthorization: {BASIC}\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (f"POST {MESSAGES} HTTP/1.1\r\n{HEAD}Content-Length: many\r\n\r\n".encode(), 400),
        (f"POST {MESSAGES} HTTP/1.1\r\n{HEAD}Content-Length: 9999999\r\n\r\n".encode(), 413),
        (
            f"POST {MESSAGES} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
            + (b"8000\r\n" + b"a" * 0x8000 + b"\r\n") * 3,
            413,
        ),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (f"DELETE {MESSAGES} HTTP/1.1\r\n{HEAD}\r\n".encode(), 405),
        (f"HEAD {MESSAGES} HTTP/1.1\r\n{HEAD}\r\n".encode(), 405),
        (f"PUT {MESSAGES[:-5]}/SM{'0' * 32}.json HTTP/1.1\r\n{HEAD}\r\n".encode(), 405),
        (f"GET /2010-04-01/Accounts.json HTTP/1.1\r\n{HEAD}\r\n".encode(), 404),
        (f"GET {MESSAGES.replace('AC5a', 'AC00')} HTTP/1.1\r\n{HEAD}\r\n".encode(), 401),
        (f"GET {MESSAGES}x HTTP/1.1\r\n{HEAD}\r\n".encode(), 404),
        (b"GET /nowhere/%00%ff HTTP/1.1\r\n\r\n", 404),
        (f"GET {MESSAGES} HTTP/1.1\r\nAuthorization: Basic !!!\r\n\r\n".encode(), 401),
        (f"GET {MESSAGES} HTTP/1.1\r\n\r\n".encode(), 401),
        (b"POST /_sandbox/summary HTTP/1.1\r\n\r\n", 405),
        (b"GET /_sandbox/else HTTP/1.1\r\n\r\n", 404),
        (f"GET {MESSAGES} HTTP/1.1\r\n{HEAD}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n".encode(), 200),
        (f"GET {MESSAGES} HTTP/1.0\r\n{HEAD}\r\n".encode(), 200),
        (
            f"POST {MESSAGES} HTTP/1.1\r\n{HEAD}Content-Length: 9\r\n\r\n".encode() + b"%ff=%zz&&",
            400,
        ),
    ],
)
def test_a_malformed_request_gets_its_status_and_the_sandbox_keeps_running(
    carrier: Sandbox, client: Client, sent: bytes, status: int
) -> None:
    assert exchange(carrier.base_url, sent).startswith(f"HTTP/1.1 {status} ".encode())

    assert client.messages.create(to="+15551230001", from_=SENDER, body="Hello").sid
