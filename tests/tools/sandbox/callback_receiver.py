"""A real HTTP server that is called back, and remembers by what."""

import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, cast
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tools.sandbox.credentials import AUTH_TOKEN

SENDER = "+15005550006"
MEMBER = "+15551230001"
IN_ORDER = ["sending", "sent", "delivered"]
"""The statuses that are told of a message that goes well."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One callback as it came."""

    url: str
    form: dict[str, str]
    signature: str
    client_port: int
    """Tells one connection from another."""

    @property
    def status(self) -> str:
        return self.form["MessageStatus"]

    @property
    def is_signed(self) -> bool:
        validator = cast("Any", RequestValidator(AUTH_TOKEN))  # the library does not annotate it
        return bool(validator.validate(self.url, self.form, self.signature))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    """The default of 5 would make some of eight connections at once wait a second for their handshake."""


class CallbackReceiver:
    """Listens on a free port. `answers` holds HTTP statuses for the next callbacks; otherwise 204."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: deque[int] = deque()
        self.answer_delay_seconds = 0.0
        self.most_at_once = 0
        self._at_once = 0
        self._lock = Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._receive(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the standard library
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def _receive(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        received = Received(
            url=self.base_url + request.path,
            form=dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True)),
            signature=request.headers["X-Twilio-Signature"],
            client_port=request.client_address[1],
        )
        with self._lock:
            self.received.append(received)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            status = self.answers.popleft() if self.answers else 204
        time.sleep(self.answer_delay_seconds)
        with self._lock:
            self._at_once -= 1
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def wait_for(self, count: int, *, timeout_seconds: float = 5.0) -> list[Received]:
        """The callbacks received, once there are so many."""
        deadline = time.monotonic() + timeout_seconds
        while len(self.received) < count:
            assert time.monotonic() < deadline, f"{len(self.received)} of {count} callbacks came"
            time.sleep(0.005)
        return list(self.received)

    def statuses(self) -> list[str]:
        return [received.status for received in self.received]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def send(client: Client, receiver: CallbackReceiver, *, to: str = MEMBER, path: str = "/sms") -> str:
    """Send a message that wants its callbacks here; its sid."""
    callback = receiver.base_url + path
    return str(client.messages.create(to=to, from_=SENDER, body="Hello", status_callback=callback).sid)
