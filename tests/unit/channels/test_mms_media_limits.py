"""The types and sizes of media that can be sent."""

from __future__ import annotations

import pytest

from channels.mms.media_limits import Media, media_error, total_size_error


def a_file(content_type: str = "image/jpeg", size_bytes: int = 1_000) -> Media:
    return Media(content_type=content_type, size_bytes=size_bytes)


@pytest.mark.parametrize(
    ("content_type", "size_bytes"),
    [
        ("image/jpeg", 1),
        ("image/jpeg", 5_000_000),
        ("image/png", 5_000_000),
        ("image/gif", 5_000_000),
        ("image/bmp", 600_000),
        ("video/mp4", 600_000),
        ("audio/l24", 600_000),
        ("text/vcard", 600_000),
        ("application/pdf", 600_000),
    ],
)
def test_media_that_can_be_sent_have_no_error(content_type: str, size_bytes: int) -> None:
    assert media_error(a_file(content_type, size_bytes)) is None


@pytest.mark.parametrize(
    ("content_type", "size_bytes", "message"),
    [
        ("image/jpeg", 0, "is empty"),
        ("image/jpeg", 5_000_001, "has 5.01 MB: a picture may have 5 MB"),
        ("image/bmp", 600_001, "has 0.61 MB: a file that is not JPEG, PNG or GIF may have 0.6 MB"),
        ("video/mp4", 10**15 - 1, "MB"),
        ("text/html", 10, "has a type that cannot be sent"),
        ("image/svg+xml", 10, "has a type that cannot be sent"),
        ("image/webp", 10, "has a type that cannot be sent"),
        ("application/octet-stream", 10, "has a type that cannot be sent"),
        ("", 10, "has a type that cannot be sent"),
    ],
)
def test_media_that_cannot_be_sent_are_refused(content_type: str, size_bytes: int, message: str) -> None:
    assert message in (media_error(a_file(content_type, size_bytes)) or "")


def test_the_sizes_of_all_media_count_together() -> None:
    assert total_size_error([a_file(size_bytes=500_000)] * 10) is None
    too_much = [a_file(size_bytes=4_000_000), a_file(size_bytes=1_000_001)]
    assert total_size_error(too_much) == "have 5.01 MB together: one message may have 5 MB"
