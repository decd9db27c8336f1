"""A head is read as plain only if gunicorn's parser reads the same in it."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.body import EOFReader, LengthReader
from hypothesis import given
from hypothesis import strategies as st

from api.server.plain_heads import read_plain_head
from api.server.request_heads import read_head

CLIENT = ("127.0.0.1", 40_000)
FIELDS = (
    b"Host: texts.example.org",
    b"Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
    b"X-Twilio-Signature:  a+b/c==\t",
    b"Content-Length: 12",
)
REQUEST_LINE = b"POST /callbacks/sms/0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42/1 HTTP/1.1"


def head(*fields: bytes, line: bytes = REQUEST_LINE) -> bytes:
    return b"\r\n".join([line, *(fields or FIELDS), b"", b""])


def test_a_plain_head_is_read() -> None:
    plain = read_plain_head(head())

    assert plain is not None
    assert (plain.method, plain.target) == ("POST", "/callbacks/sms/0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42/1")
    assert (plain.content_length, plain.closes) == (12, False)
    assert plain.headers["x-twilio-signature"] == "a+b/c=="


@pytest.mark.parametrize(
    ("line", "connection"),
    [(REQUEST_LINE[:-1] + b"0", ()), (REQUEST_LINE, (b"Connection: Close",))],
    ids=["HTTP/1.0", "Connection: close"],
)
def test_a_plain_head_may_end_its_connection(line: bytes, connection: tuple[bytes, ...]) -> None:
    plain = read_plain_head(head(*FIELDS, *connection, line=line))

    assert plain is not None
    assert plain.closes


@pytest.mark.parametrize(
    "declined",
    [
        head(*FIELDS, b"Transfer-Encoding: chunked"),
        head(*FIELDS, b"Content-Length: 12"),
        head(*FIELDS, b"content-length: 13"),
        head(*FIELDS, b"X-Any: 1", b"x-any: 2"),
        head(*FIELDS, b"X_Twilio_Signature: other"),
        head(*FIELDS, b"Expect: 100-continue"),
        head(*FIELDS, b"Upgrade: h2c", b"Connection: Upgrade"),
        head(*FIELDS, b"Connection: keep-alive, TE"),
        head(*FIELDS, b"X-Forwarded-Ssl: on"),
        head(*FIELDS, b"X-Folded: 1", b" 2"),
        head(*FIELDS, b"X-Space : 1"),
        head(*FIELDS, b": 1"),
        head(*FIELDS, b"No colon"),
        head(*FIELDS, b"X-Control: a\x00b"),
        head(*FIELDS, b"X-Delete: a\x7fb"),
        head(*FIELDS, b"X-Feed: a\nContent-Length: 3"),
        head(*FIELDS, b"X-Return: a\rb"),
        head(*FIELDS, b"X-Latin: \xe9"),
        head(*FIELDS, *(b"X-%d: 1" % number for number in range(61))),
        head(*FIELDS, b"X-Long: " + b"x" * 4_000),
        head(*FIELDS[:3]),
        head(*FIELDS[1:]),
        head(*FIELDS[:3], b"Content-Length: +12"),
        head(*FIELDS[:3], b"Content-Length: 012"),
        head(*FIELDS[:3], b"Content-Length: 0x1"),
        head(*FIELDS[:3], b"Content-Length: 1_2"),
        head(*FIELDS[:3], b"Content-Length: 12, 12"),
        head(*FIELDS[:3], b"Content-Length:"),
        head(line=b"post / HTTP/1.1"),
        head(line=b"POST http://texts.example.org/ HTTP/1.1"),
        head(line=b"POST / HTTP/2.0"),
        head(line=b"POST  / HTTP/1.1"),
        head(line=b"POST / HTTP/1.1 "),
        head(line=b"POST /\xc3\xa9 HTTP/1.1"),
        b"\r\n" + head(),
        head() + b"\r\n",
        head().replace(b"\r\n", b"\n"),
    ],
)
def test_every_other_head_is_declined(declined: bytes) -> None:
    assert read_plain_head(declined) is None


@st.composite
def altered_heads(draw: st.DrawFn) -> bytes:
    """A head with fields that were added, repeated or reordered, and with bytes that were changed."""
    extra = st.sampled_from(
        [
            *FIELDS,
            b"Connection: close",
            b"Connection: keep-alive",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"X-Forwarded-Proto: https",
            b"X-Forwarded-Ssl: on",
            b"Content-Length: 0",
            b"A:\tb",
        ]
    )
    fields = draw(st.permutations([*FIELDS, *draw(st.lists(extra, max_size=3))]))
    altered = bytearray(head(*fields, line=draw(st.sampled_from([REQUEST_LINE, REQUEST_LINE[:-1] + b"0"]))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(altered) - 1))
        altered[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b":", b"_", b"0", b"%", b"?", b"\x00", b"\xff", b"a"])
        )
    return bytes(altered)


@given(altered_heads())
def test_gunicorn_reads_the_same_in_whatever_is_read_as_plain(altered: bytes) -> None:
    plain = read_plain_head(altered)
    if plain is None:
        return

    request = read_head(altered, config=Config(), client=CLIENT)  # raises if gunicorn refuses it

    assert request.body is not None
    reader = request.body.reader
    assert isinstance(reader, LengthReader | EOFReader)
    assert (getattr(reader, "length", 0), request.should_close()) == (plain.content_length, plain.closes)
    assert (request.method, request.uri) == (plain.method, plain.target)
    assert {name.lower(): value for name, value in request.headers} == plain.headers
