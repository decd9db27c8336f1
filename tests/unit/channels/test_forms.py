"""Forms are read as the standard library reads them."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.incoming import MAX_FORM_FIELDS, MalformedRequest, parse_form

PIECES = st.sampled_from(["&", "=", "+", "%", "%2B", "%26", "%C3%A9", "%ff", "%zz", ";", "a", "B", "é", "\x00", " "])


@given(st.lists(PIECES, max_size=30).map("".join).map(str.encode) | st.binary(max_size=30))
@example(b"a=1&a=2&&=x&y")
@example(b"%ff%00&&=&=x")
def test_a_form_is_read_as_by_the_standard_library(body: bytes) -> None:
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)

    assert parse_form(body) == dict(pairs)


def test_a_form_of_too_many_fields_is_malformed() -> None:
    assert len(parse_form(b"&".join(b"f%d=" % number for number in range(MAX_FORM_FIELDS)))) == MAX_FORM_FIELDS

    with pytest.raises(MalformedRequest, match="more than 200 fields"):
        parse_form(b"&" * MAX_FORM_FIELDS)
