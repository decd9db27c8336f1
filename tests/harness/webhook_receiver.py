"""A webhook over HTTP that stores the notices that it gets, and can fail or hang."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebhookReceiver:
    """`status` is answered. While `hangs` is set, requests are read and not answered."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.hangs = False
        self.arrived = 0
        """How many requests came, answered or not."""
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def alerts(self, state: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the notices that were accepted, of this state (`open`, `recovered`) and kind."""
        found = [json.loads(body)["alert"] for _, body in self.requests]
        return [
            each
            for each in found
            if (state is None or each["state"] == state) and (kind is None or each["kind"] == kind)
        ]

    def texts(self) -> list[str]:
        return [json.loads(body)["text"] for _, body in self.requests]

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.arrived += 1
                if receiver.hangs:
                    receiver._ended.wait(60)
                    return
                if receiver.status < 300:
                    receiver.requests.append((dict(self.headers.items()), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in http.server
                pass

        return Handler


@contextmanager
def webhook_receiver() -> Generator[WebhookReceiver]:
    receiver = WebhookReceiver()
    thread = threading.Thread(target=receiver.serve, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.close()
        thread.join()
