"""What is to know about a text, worked out once however many recipients it has."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import smsutil  # pyright: ignore[reportMissingTypeStubs]

LONGEST_BODY_CHARACTERS = 1_600
"""https://www.twilio.com/docs/messaging/api/message-resource"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A text, its JSON literal, and how many segments it takes as an SMS."""

    text: str
    literal: str
    segments: int


@lru_cache(maxsize=10_000)
def weigh_body(text: str) -> Body:
    """The facts about a text. Segments as Twilio counts them: GSM-7 or UCS-2, 160/153 or 70/67."""
    parts = cast("list[object]", smsutil.split(text).parts)  # pyright: ignore[reportUnknownMemberType]
    return Body(text=text, literal=json.dumps(text), segments=len(parts))
