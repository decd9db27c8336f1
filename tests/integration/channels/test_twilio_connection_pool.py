"""The connection pool, against a server whose responses each test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from channels.twilio import connection_pool
from channels.twilio.connection_pool import ConnectFailed, ConnectionPool, HttpResponse, NoResponse

REQUEST = b"POST /texts HTTP/1.1\r\nHost: carrier\r\nContent-Length: 2\r\n\r\nhi"
OK = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX-Odd: Case\r\n\r\ndone"


class Requests:
    """What comes in on one connection."""

    def __init__(self, reader: asyncio.StreamReader, server: Server) -> None:
        self._reader, self._server = reader, server

    async def next(self) -> None:
        await self._reader.readexactly(len(REQUEST))
        self._server.requests += 1


Conversation = Callable[[Requests, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Counts what reaches it, and holds the conversation on each connection."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self.connections = 0
        self.requests = 0
        self.ended = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._talk(Requests(reader, self), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.ended += 1
            writer.close()


def saying(*pieces: bytes, times: int = 1, pause_seconds: float = 0.0, closes: bool = False) -> Conversation:
    """Answers `times` requests with the pieces, one after the other; then falls silent, or closes."""

    async def talk(requests: Requests, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await requests.next()
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_seconds)
        if not closes:
            await asyncio.sleep(60)

    return talk


@asynccontextmanager
async def carrier(talk: Conversation, *, limit: int = 4) -> AsyncGenerator[tuple[Server, ConnectionPool]]:
    server = Server(talk)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    pool = ConnectionPool(
        urlsplit(f"http://127.0.0.1:{port}"), limit=limit, connect_timeout_seconds=1.0, response_timeout_seconds=0.3
    )
    try:
        yield server, pool
    finally:
        pool.close()
        listening.close()


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize(
    "pieces",
    [
        (OK,),
        tuple(OK[at : at + 1] for at in range(len(OK))),
        (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
        (
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nx-odd: Case\r\n\r\n2\r\ndo\r\n",
            b"2\r\nne\r\n0\r\n\r\n",
        ),
    ],
    ids=["at once", "byte by byte", "after an interim answer", "in chunks"],
)
def test_a_response_is_read_in_any_framing(pieces: tuple[bytes, ...]) -> None:
    async def test() -> None:
        async with carrier(saying(*pieces)) as (_, pool):
            answer = await pool.exchange(REQUEST)
        assert (answer.status, answer.body, answer.headers["x-odd"]) == (201, b"done", "Case")

    run(test)


def test_a_connection_is_reused() -> None:
    async def test() -> None:
        async with carrier(saying(OK, times=9)) as (server, pool):
            for _ in range(5):
                await pool.exchange(REQUEST)
        assert (server.connections, server.requests) == (1, 5)

    run(test)


def test_the_pool_opens_no_more_connections_than_its_limit() -> None:
    async def test() -> None:
        async with carrier(saying(OK, times=99, pause_seconds=0.01), limit=3) as (server, pool):
            answers = await asyncio.gather(*(pool.exchange(REQUEST) for _ in range(30)))
        assert {answer.status for answer in answers} == {201}
        assert (server.connections, server.requests) == (3, 30)

    run(test)


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (saying(), "TimeoutError"),
        (saying(OK[:-1]), "TimeoutError"),
        (saying(closes=True), "ConnectionClosed"),
        (saying(OK[:-1], closes=True), "ConnectionClosed"),
        (saying(b"SMTP ready\r\n\r\n"), "HttpParser"),
    ],
    ids=["silence", "half an answer", "hung up", "half an answer, hung up", "not HTTP"],
)
def test_a_request_without_a_response_raises_no_response(talk: Conversation, why: str) -> None:
    async def test() -> None:
        async with carrier(talk) as (server, pool):
            with pytest.raises(NoResponse, match=why):
                await pool.exchange(REQUEST)
            assert server.requests == 1

    run(test)


def test_a_request_on_a_dying_connection_is_not_repeated() -> None:
    async def test() -> None:
        async def answers_once_and_hangs_up_on_the_second(requests: Requests, writer: asyncio.StreamWriter) -> None:
            await requests.next()
            writer.write(OK)
            await requests.next()

        async with carrier(answers_once_and_hangs_up_on_the_second) as (server, pool):
            await pool.exchange(REQUEST)
            with pytest.raises(NoResponse):
                await pool.exchange(REQUEST)
            assert (server.connections, server.requests) == (1, 2)

    run(test)


def test_a_closed_connection_is_replaced_before_the_request() -> None:
    async def test() -> None:
        async with carrier(saying(OK, closes=True)) as (server, pool):
            await pool.exchange(REQUEST)
            await asyncio.sleep(0.05)
            await pool.exchange(REQUEST)
            assert (server.connections, server.requests) == (2, 2)

    run(test)


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", b"noise"])
def test_data_without_a_request_closes_the_connection(extra: bytes) -> None:
    async def test() -> None:
        async with carrier(saying(OK, extra, pause_seconds=0.05)) as (server, pool):
            first = await pool.exchange(REQUEST)
            await asyncio.sleep(0.15)
            second = await pool.exchange(REQUEST)
            assert [first.body, second.body] == [b"done", b"done"]
            assert server.connections == 2

    run(test)


def test_a_canceled_request_leaves_no_response_for_the_next() -> None:
    async def test() -> None:
        async with carrier(saying(b"", OK, times=2, pause_seconds=0.1)) as (server, pool):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await pool.exchange(REQUEST)
            answer: HttpResponse = await pool.exchange(REQUEST)
            assert answer.body == b"done"
            await asyncio.sleep(0.3)
            assert (server.connections, server.ended) == (2, 1), "and its connection is closed"

    run(test)


def test_a_connection_that_was_idle_too_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "IDLE_SECONDS", 0.0)

    async def test() -> None:
        async with carrier(saying(OK, times=2)) as (server, pool):
            await pool.exchange(REQUEST)
            await pool.exchange(REQUEST)
            assert server.connections == 2

    run(test)


def test_a_response_that_is_too_large_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "LARGEST_BODY_BYTES", 3)

    async def test() -> None:
        async with carrier(saying(OK)) as (_, pool):
            with pytest.raises(NoResponse, match="ResponseTooLarge"):
                await pool.exchange(REQUEST)

    run(test)


def test_a_refused_connection_raises_connect_failed(free_port: int) -> None:
    async def test() -> None:
        pool = ConnectionPool(
            urlsplit(f"http://127.0.0.1:{free_port}"),
            limit=1,
            connect_timeout_seconds=1.0,
            response_timeout_seconds=1.0,
        )
        with pytest.raises(ConnectFailed):
            await pool.exchange(REQUEST)

    run(test)
