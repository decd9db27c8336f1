"""An HTTP server that receives callbacks and stores them."""

from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, cast
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.harness.waiting import wait_until
from tools.sandbox.credentials import AUTH_TOKEN

SENDER = "+15005550006"
MEMBER = "+15551230001"
IN_ORDER = ["sending", "sent", "delivered"]
"""The statuses that callbacks report for a message that is delivered."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One received callback."""

    url: str
    form: dict[str, str]
    signature: str
    client_port: int
    """Identifies the connection."""

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
    """With the default of 5, some of eight simultaneous connections would wait a second for their handshake."""


class CallbackReceiver:
    """Listens on a free port. `answers` holds the HTTP statuses for the next callbacks; the default is 204.

    While `may_answer` is cleared, callbacks are received and not answered.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: deque[int] = deque()
        self.may_answer = Event()
        self.may_answer.set()
        self.most_at_once = 0
        self.at_once = 0
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
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            status = self.answers.popleft() if self.answers else 204
        self.may_answer.wait()
        with self._lock:
            self.at_once -= 1
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def wait_for(self, count: int) -> list[Received]:
        """Wait until `count` callbacks have arrived, and return all."""
        wait_until(lambda: len(self.received) >= count, pause_seconds=0.005, condition=f"{count} callbacks arrive")
        return list(self.received)

    def statuses(self) -> list[str]:
        return [received.status for received in self.received]

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()


def send(client: Client, receiver: CallbackReceiver, *, to: str = MEMBER, path: str = "/sms") -> str:
    """Send a message whose callbacks go to the receiver, and return its sid."""
    callback = receiver.base_url + path
    return str(client.messages.create(to=to, from_=SENDER, body="Hello", status_callback=callback).sid)
