"""Segments of a text: 3GPP TS 23.038 (alphabets) and 23.040 (concatenation)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import MAX_CHARACTERS, count_segments


@pytest.mark.parametrize(
    ("content", "segments"),
    [
        pytest.param("", 1, id="an empty text has one segment"),
        pytest.param("Amen", 1, id="short"),
        pytest.param("a" * 160, 1, id="GSM-7: the last character of one"),
        pytest.param("a" * 161, 2, id="GSM-7: one too many"),
        pytest.param("a" * 153 * 2, 2, id="GSM-7: the last of two"),
        pytest.param("a" * (153 * 2 + 1), 3, id="GSM-7: the first of three"),
        pytest.param("é" * 160, 1, id="accents of the GSM alphabet cost one"),
        pytest.param("€" * 80, 1, id="the euro sign costs two"),
        pytest.param("€" * 80 + "a", 2, id="the euro sign costs two, and one more"),
        pytest.param("a" * 152 + "€" + "a" * 152, 3, id="an escaped character is not cut in two"),
        pytest.param("ж" * 70, 1, id="UCS-2: the last of one"),
        pytest.param("ж" * 71, 2, id="UCS-2: one too many"),
        pytest.param("ж" * 67 * 2, 2, id="UCS-2: the last of two"),
        pytest.param("ж" * (67 * 2 + 1), 3, id="UCS-2: the first of three"),
        pytest.param("a" * 69 + "’", 1, id="one typographic quote makes all of it UCS-2"),
        pytest.param("a" * 70 + "’", 2, id="one typographic quote makes 71 characters two"),
        pytest.param("😀" * 35, 1, id="an emoji costs two"),
        pytest.param("😀" * 36, 2, id="36 emoji are 72"),
        pytest.param("😀" * 67, 3, id="an emoji is not cut in two: 33 to a segment"),
        pytest.param("a" * MAX_CHARACTERS, 11, id="the longest that is taken"),
    ],
)
def test_a_text_has_this_number_of_segments(content: str, segments: int) -> None:
    assert count_segments(content) == segments


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.text("aé€ж😀", max_size=20))
def test_a_longer_text_never_has_fewer_segments(content: str, more: str) -> None:
    assert 1 <= count_segments(content) <= count_segments(content + more)
