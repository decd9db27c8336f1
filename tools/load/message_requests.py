"""The requests that bin/load sends: those of the front end, POST /api/messages/send."""

from __future__ import annotations

import json
from urllib.parse import urlsplit
from uuid import uuid4

from tools.bench.load import Planned
from tools.load.target import Target

PATH = "/api/messages/send"
CONTENT = "Load test: please ignore this message."


def body(*, church_id: str, recipient: str, content: str = CONTENT) -> dict[str, object]:
    """The body of one request: one text to one number."""
    return {"churchId": church_id, "content": content, "targetType": "numbers", "phoneNumbers": [recipient]}


def plan(target: Target, *, messages: int, rate: float, content: str = CONTENT) -> list[Planned]:
    """Return `messages` requests, `rate` a second, to the recipients in turn, each with its own idempotency key."""
    return [
        Planned(
            at_seconds=number / rate,
            request=_request(target, target.recipients[number % len(target.recipients)], content),
        )
        for number in range(messages)
    ]


def _request(target: Target, recipient: str, content: str) -> bytes:
    encoded = json.dumps(body(church_id=target.church_id, recipient=recipient, content=content)).encode()
    lines = (
        f"POST {PATH} HTTP/1.1",
        f"Host: {urlsplit(target.url).netloc}",
        f"Authorization: Bearer {target.key}",
        f"Idempotency-Key: load-{uuid4()}",
        "Content-Type: application/json",
        f"Content-Length: {len(encoded)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + encoded
