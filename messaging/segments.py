"""How many segments a text costs."""

from __future__ import annotations

from functools import lru_cache

import smsutil

MAX_CHARACTERS = 1600
"""The longest body Twilio takes (https://www.twilio.com/docs/messaging/api/message-resource, Body)."""


@lru_cache(maxsize=1024)
def count_segments(content: str) -> int:
    """The number of SMS segments, at least 1: 160 or 153 GSM-7 characters each, 70 or 67 in UCS-2 (3GPP TS 23.038)."""
    return max(1, len(smsutil.split(content).parts))  # pyright: ignore
