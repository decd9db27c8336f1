"""The types and sizes of media that Twilio accepts.

Sources: https://www.twilio.com/docs/messaging/guides/accepted-mime-types (types, from several editions; 5 MB for a
message with all its media) and https://support.twilio.com/hc/en-us/articles/360018832773 (the carriers' own limits,
which begin at 0.6 MB, for files that Twilio does not make smaller).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_BYTES = 5_000_000
"""For one picture, and for all pictures of a message together. Twilio says "5 MB"; this is the smaller meaning."""
MAX_BYTES_UNCONVERTED = 600_000
"""For files that Twilio passes on unchanged."""

CONVERTED = frozenset({"image/jpeg", "image/jpg", "image/png", "image/gif"})
"""Twilio converts these to fit each phone."""

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
    """What a web server reports about a file. `content_type` is in lower case, without parameters."""

    content_type: str
    size_bytes: int


def media_error(media: Media) -> str | None:
    """Why Twilio or a carrier would refuse the file; None when they would not."""
    if media.content_type not in ACCEPTED:
        return "has a type that cannot be sent to phones; JPEG, PNG and GIF can"
    if media.size_bytes == 0:
        return "is empty"
    if media.content_type in CONVERTED:
        return _too_large(media, MAX_BYTES, "a picture")
    return _too_large(media, MAX_BYTES_UNCONVERTED, "a file that is not JPEG, PNG or GIF")


def total_size_error(all_media: Sequence[Media]) -> str | None:
    """Why the files do not fit into one message; None when they do."""
    total = sum(media.size_bytes for media in all_media)
    if total > MAX_BYTES:
        return f"have {_megabytes(total)} together: one message may have {_megabytes(MAX_BYTES)}"
    return None


def _too_large(media: Media, limit: int, what: str) -> str | None:
    if media.size_bytes > limit:
        return f"has {_megabytes(media.size_bytes)}: {what} may have {_megabytes(limit)}"
    return None


def _megabytes(count: int) -> str:
    """Rounded up, so that a size above a limit is also shown above it."""
    return f"{math.ceil(count / 10_000) / 100:g} MB"
