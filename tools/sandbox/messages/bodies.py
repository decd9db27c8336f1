"""Facts about a message text, computed once for all its recipients."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import smsutil  # pyright: ignore[reportMissingTypeStubs]

LONGEST_BODY_CHARACTERS = 1_600
"""https://www.twilio.com/docs/messaging/api/message-resource"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A text, its JSON literal, and the number of its SMS segments."""

    text: str
    literal: str
    segments: int


@lru_cache(maxsize=10_000)
def analyze_body(text: str) -> Body:
    """Return the facts about a text. Segments are counted as by Twilio: GSM-7 (160/153) or UCS-2 (70/67)."""
    parts = cast("list[object]", smsutil.split(text).parts)  # pyright: ignore[reportUnknownMemberType]
    return Body(text=text, literal=json.dumps(text), segments=len(parts))
