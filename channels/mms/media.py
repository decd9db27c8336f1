"""What Twilio takes as media: types and sizes.

Sources: https://www.twilio.com/docs/messaging/guides/accepted-mime-types (types, from several editions; 5 MB for a
message with all its media) and https://support.twilio.com/hc/en-us/articles/360018832773 (the carriers' own limits,
which begin at 0.6 MB, for files that Twilio does not make smaller).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_BYTES = 5_000_000
"""For one picture, and for all of a message together. Twilio says "5 MB": the smaller reading of it."""
MAX_BYTES_UNCONVERTED = 600_000
"""For what Twilio hands on as it is."""

CONVERTED = frozenset({"image/jpeg", "image/jpg", "image/png", "image/gif"})
"""Made to fit each phone by Twilio."""

_IMAGES = "bmp heic heif tiff"
_AUDIO = "3gpp 3gpp2 aac ac3 amr amr-nb basic L24 mp4 mpeg ogg vnd.rn-realaudio vnd.wave vorbis webm"
_VIDEO = "3gpp 3gpp2 3gpp-tt H261 H263 H263-1998 H263-2000 H264 mp4 mpeg mpeg4 quicktime webm"
_TEXT = "calendar csv directory richtext rtf vcard x-vcard"
_APPLICATION = (
    "msword pdf vcard vnd.apple.pkpass vnd.ms-excel vnd.ms-powerpoint "
    "vnd.openxmlformats-officedocument.presentationml.presentation "
    "vnd.openxmlformats-officedocument.spreadsheetml.sheet "
    "vnd.openxmlformats-officedocument.wordprocessingml.document"
)

ACCEPTED = CONVERTED | frozenset(
    f"{kind}/{subtype}".lower()
    for kind, subtypes in (
        ("image", _IMAGES),
        ("audio", _AUDIO),
        ("video", _VIDEO),
        ("text", _TEXT),
        ("application", _APPLICATION),
    )
    for subtype in subtypes.split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """What a server says that it has. `content_type` without parameters, in lower case."""

    content_type: str
    size_bytes: int


def complaint(media: Media) -> str | None:
    """Why Twilio, or the carriers behind it, would not take it; None when they would."""
    if media.content_type not in ACCEPTED:
        return "is of a type that cannot be sent to phones: JPEG, PNG and GIF always can"
    if media.size_bytes == 0:
        return "is empty"
    if media.content_type in CONVERTED:
        return _too_large(media, MAX_BYTES, "a picture")
    return _too_large(media, MAX_BYTES_UNCONVERTED, "what is not JPEG, PNG or GIF")


def complaint_about_all(all_media: Sequence[Media]) -> str | None:
    """Why they would not go into one message; None when they would."""
    total = sum(media.size_bytes for media in all_media)
    if total > MAX_BYTES:
        return f"have {_megabytes(total)} together: one message may have {_megabytes(MAX_BYTES)}"
    return None


def _too_large(media: Media, limit: int, what: str) -> str | None:
    if media.size_bytes > limit:
        return f"has {_megabytes(media.size_bytes)}: {what} may have {_megabytes(limit)}"
    return None


def _megabytes(count: int) -> str:
    """Rounded up, so that what is over a limit also reads so."""
    return f"{math.ceil(count / 10_000) / 100:g} MB"
