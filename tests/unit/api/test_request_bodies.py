"""Bodies that arrive in pieces are parsed alike however they are split, and as gunicorn's own reader parses them."""

from __future__ import annotations

import random

import pytest
from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import InvalidChunkSize, NoMoreData, ParseException
from gunicorn.http.unreader import IterUnreader

from api.server.request_bodies import BodyTooLarge, ChunkedBody, IncomingBody, incoming_body
from api.server.request_heads import read_head

CONFIG = Config()
HEAD = b"POST / HTTP/1.1\r\nHost: example.org\r\n%b\r\n\r\n"
CHUNKED = b'5\r\nhello\r\nA;name="va;lue" ;x\r\n0123456789\r\n0\r\nX-Trailer: 1\r\nX-Other: 2\r\n\r\n'
CONTENT = b"hello0123456789"
NEXT = b"GET / HTTP/1.1\r\n"


def body(header: bytes, *, largest: int = 1000) -> IncomingBody:
    request = read_head(HEAD % header, config=CONFIG, client=("127.0.0.1", 1))
    return incoming_body(request, largest=largest)


def chunked(*, largest: int = 1000) -> IncomingBody:
    return body(b"Transfer-Encoding: chunked", largest=largest)


@pytest.mark.parametrize("at", range(len(CHUNKED) + 1))
def test_a_chunked_body_can_be_split_anywhere(at: int) -> None:
    taken, buffer = chunked(), bytearray(CHUNKED[:at])

    done = taken.take(buffer)
    assert done == (at == len(CHUNKED))
    buffer += CHUNKED[at:] + NEXT
    assert taken.take(buffer)
    assert taken.content() == CONTENT
    assert buffer == NEXT


def test_a_chunked_body_may_arrive_byte_by_byte() -> None:
    taken, buffer = chunked(), bytearray()

    for byte in CHUNKED[:-1]:
        buffer.append(byte)
        assert not taken.take(buffer)
    buffer += CHUNKED[-1:]
    assert taken.take(buffer)
    assert taken.content() == CONTENT


@pytest.mark.parametrize("at", range(6))
def test_a_body_of_known_length_can_be_split_anywhere(at: int) -> None:
    taken, buffer = body(b"Content-Length: 5"), bytearray(b"hello"[:at])

    assert taken.take(buffer) == (at == 5)
    buffer += b"hello"[at:] + NEXT
    assert taken.take(buffer)
    assert (taken.content(), taken.received) == (b"hello", 5)
    assert buffer == NEXT


def test_a_request_without_a_length_has_no_body() -> None:
    taken, buffer = body(b"Accept: */*"), bytearray(NEXT)

    assert taken.take(buffer)
    assert taken.content() == b""
    assert buffer == NEXT


def test_a_body_too_large_is_refused_before_it_has_arrived() -> None:
    with pytest.raises(BodyTooLarge):
        body(b"Content-Length: 1001")
    with pytest.raises(BodyTooLarge):
        chunked().take(bytearray(b"3e9\r\n"))
    with pytest.raises(BodyTooLarge):
        chunked().take(bytearray(b"3e8\r\n" + bytes(1000) + b"\r\n1\r\n"))
    assert not chunked().take(bytearray(b"3e8\r\n" + bytes(1000)))


def test_a_body_with_more_framing_than_content_is_refused() -> None:
    assert chunked(largest=10**6).take(bytearray(b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"))
    assert chunked(largest=10**6).take(bytearray(b"6\r\n123456\r\n" * 100_000 + b"0\r\n\r\n"))
    with pytest.raises(InvalidChunkSize):
        chunked(largest=10**6).take(bytearray(b"1\r\nx\r\n" * 20_000))


@pytest.mark.parametrize("line", [b"5;" + b"x" * 9000, b"0" * 9000, b"0\r\nX: " + b"y" * 9000])
def test_a_line_without_end_is_refused(line: bytes) -> None:
    with pytest.raises(ParseException):
        chunked().take(bytearray(line))


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_body_is_parsed_as_gunicorn_parses_it(seed: int) -> None:
    """Two parsers that disagree on the end of a body make request smuggling possible."""
    chance = random.Random(seed)  # noqa: S311 - damage is no secret
    for _ in range(200):
        damaged = _damage(CHUNKED, chance)
        assert _ours(damaged) == _gunicorns(damaged), damaged


def _damage(sent: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(sent)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(damaged))
        match chance.randrange(3):
            case 0:
                del damaged[at]
            case 1:
                damaged.insert(at, chance.choice(b"\r\n;: \t0123456789abcdefxX\0\xff"))
            case _:
                damaged[at] = chance.choice(b"\r\n;: \t0123456789abcdefxX\0\xff")
    return bytes(damaged)


def _ours(sent: bytes) -> tuple[bytes, bytes] | None:
    """The content and the bytes after it; None for a body that is refused or incomplete."""
    taken, buffer = chunked(largest=10**18), bytearray(sent + NEXT)
    assert isinstance(taken, ChunkedBody)
    try:
        return (taken.content(), bytes(buffer)) if taken.take(buffer) else None
    except ParseException:
        return None


def _gunicorns(sent: bytes) -> tuple[bytes, bytes] | None:
    request = read_head(HEAD % b"Transfer-Encoding: chunked", config=CONFIG, client=("127.0.0.1", 1))
    unreader = IterUnreader([sent + NEXT])
    try:
        content = ChunkedReader(request, unreader).read(10**9)
    except (ParseException, NoMoreData):
        return None
    return content, unreader.buf.getvalue()
