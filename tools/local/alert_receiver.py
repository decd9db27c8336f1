"""The webhook of a local system: prints each notice. `python -m tools.local.alert_receiver PORT`."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LONGEST_BODY_BYTES = 100_000


class _Handler(BaseHTTPRequestHandler):
    timeout = 10.0

    def do_POST(self) -> None:
        try:
            length = min(int(self.headers.get("Content-Length", "0")), _LONGEST_BODY_BYTES)
            notice: Any = json.loads(self.rfile.read(length))
            text = str(notice["text"])
        except (ValueError, KeyError, TypeError):
            self.send_error(400)
            return
        for line in text.splitlines():
            print("".join(character if character.isprintable() else "?" for character in line), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Only notices are printed."""


def main(arguments: list[str]) -> None:
    ThreadingHTTPServer(("127.0.0.1", int(arguments[0])), _Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
