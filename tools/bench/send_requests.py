"""HTTP requests as bytes."""

from __future__ import annotations

import json
from uuid import uuid4

from tools.bench.churches import Church


class SendRequests:
    """POST /api/messages/send for many churches in turn, to all members, each with its own Idempotency-Key."""

    def __init__(self, churches: list[Church], *, content: str, send_at: str | None = None) -> None:
        self._run_id = uuid4().hex.encode()
        self._made = 0
        self._frames = [_frame(church, content=content, send_at=send_at) for church in churches]

    def make(self) -> bytes:
        """Return the next request."""
        head, body = self._frames[self._made % len(self._frames)]
        self._made += 1
        return b"%b\r\nIdempotency-Key: %b-%d\r\n\r\n%b" % (head, self._run_id, self._made, body)


def get(path: str, *, key: str) -> bytes:
    """Return a GET request for the path with a church's API key."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def _frame(church: Church, *, content: str, send_at: str | None) -> tuple[bytes, bytes]:
    fields = {"churchId": church.church_id, "content": content, "targetType": "all"}
    body = json.dumps(fields if send_at is None else {**fields, "sendAt": send_at}).encode()
    head = (
        f"POST /api/messages/send HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {church.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}"
    )
    return head.encode(), body
