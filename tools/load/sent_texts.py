"""Counts, through the API, the texts of a load that were submitted to the carrier, and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tools.local.api_client import ApiClient

_PAGE = 100
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class SentTexts:
    sent: int
    """Messages of which every delivery was submitted; each has one."""
    per_minute: float
    """From the start of the load to the last submission."""


def await_sent(api: ApiClient, *, content: str, expected: int, began_at: float, timeout_seconds: float) -> SentTexts:
    """Wait until `expected` messages with this content were submitted, or for the timeout. `began_at`: since the epoch.

    Raises Refused and Unreachable.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        moments = [_epoch(message["completedAt"]) for message in _messages(api, content) if message["completedAt"]]
        if len(moments) >= expected or time.monotonic() > deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    seconds = max(moments, default=began_at) - began_at
    return SentTexts(sent=len(moments), per_minute=60 * len(moments) / seconds if seconds > 0 else 0.0)


def _messages(api: ApiClient, content: str) -> Iterator[dict[str, Any]]:
    """Yield the messages with this content. They are the newest, so the first page without one is the last."""
    cursor = ""
    while True:
        page = api.get(f"/api/messages?limit={_PAGE}{cursor}")
        found = [message for message in page["items"] if message["content"] == content]
        yield from found
        if not found or page["next"] is None:
            return
        cursor = f"&cursor={page['next']}"


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
