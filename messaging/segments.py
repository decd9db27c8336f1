"""The number of segments of a text."""

from __future__ import annotations

from functools import lru_cache

import smsutil

MAX_CHARACTERS = 1600
"""The longest body that Twilio accepts (https://www.twilio.com/docs/messaging/api/message-resource, Body)."""


@lru_cache(maxsize=1024)
def count_segments(content: str) -> int:
    """Returns the number of segments: one holds 160 or 153 GSM-7 characters, or 70 or 67 of UCS-2 (3GPP TS 23.038)."""
    return max(1, len(smsutil.split(content).parts))  # pyright: ignore
