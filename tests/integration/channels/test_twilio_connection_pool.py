"""The connection pool, with a server whose behaviour each test defines."""

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
    """The requests on one connection. `connection` counts from 1."""

    def __init__(self, reader: asyncio.StreamReader, server: Server) -> None:
        self._reader, self._server = reader, server
        self.connection = server.connections

    async def next(self) -> None:
        await self._reader.readexactly(len(REQUEST))
        self._server.requests += 1


Conversation = Callable[[Requests, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Runs the conversation on each connection, and counts connections and requests."""

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


def answering(*pieces: bytes, times: int = 1, pause_seconds: float = 0.0, closes: bool = False) -> Conversation:
    """Answers `times` requests with the pieces, one after the other; then sends nothing more, or closes."""

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
async def carrier(
    talk: Conversation, *, limit: int = 4, response_timeout_seconds: float = 60.0
) -> AsyncGenerator[tuple[Server, ConnectionPool]]:
    server = Server(talk)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    pool = ConnectionPool(
        urlsplit(f"http://127.0.0.1:{port}"),
        limit=limit,
        connect_timeout_seconds=60.0,
        response_timeout_seconds=response_timeout_seconds,
    )
    try:
        yield server, pool
    finally:
        pool.close()
        listening.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until the condition holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - no event is set when it holds
            await asyncio.sleep(0.005)


def no_idle_connection_is_open(pool: ConnectionPool) -> bool:
    return not any(connection.is_open for connection in vars(pool)["_idle"])


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
    ids=["in one piece", "byte by byte", "after an interim response", "chunked"],
)
def test_a_response_is_read_in_any_framing(pieces: tuple[bytes, ...]) -> None:
    async def test() -> None:
        async with carrier(answering(*pieces)) as (_, pool):
            answer = await pool.exchange(REQUEST)
        assert (answer.status, answer.body, answer.headers["x-odd"]) == (201, b"done", "Case")

    run(test)


def test_a_connection_is_reused() -> None:
    async def test() -> None:
        async with carrier(answering(OK, times=9)) as (server, pool):
            for _ in range(5):
                await pool.exchange(REQUEST)
        assert (server.connections, server.requests) == (1, 5)

    run(test)


def test_the_pool_opens_no_more_connections_than_its_limit() -> None:
    async def test() -> None:
        async with carrier(answering(OK, times=99, pause_seconds=0.01), limit=3) as (server, pool):
            answers = await asyncio.gather(*(pool.exchange(REQUEST) for _ in range(30)))
        assert {answer.status for answer in answers} == {201}
        assert (server.connections, server.requests) == (3, 30)

    run(test)


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (answering(closes=True), "ConnectionClosed"),
        (answering(OK[:-1], closes=True), "ConnectionClosed"),
        (answering(b"SMTP ready\r\n\r\n"), "HttpParser"),
    ],
    ids=["closed", "closed within the response", "not HTTP"],
)
def test_a_request_without_a_response_raises_no_response(talk: Conversation, error: str) -> None:
    async def test() -> None:
        async with carrier(talk) as (server, pool):
            with pytest.raises(NoResponse, match=error):
                await pool.exchange(REQUEST)
            assert server.requests == 1

    run(test)


@pytest.mark.parametrize("talk", [answering(), answering(OK[:-1])], ids=["nothing", "a part of it"])
def test_a_response_that_is_not_complete_in_time_raises_no_response(talk: Conversation) -> None:
    async def test() -> None:
        async with carrier(talk, response_timeout_seconds=0.2) as (server, pool):
            with pytest.raises(NoResponse, match="TimeoutError"):
                await pool.exchange(REQUEST)
            await until(lambda: server.requests == 1)

    run(test)


def test_a_request_on_a_dying_connection_is_not_repeated() -> None:
    async def test() -> None:
        async def answer_the_first_request_and_close_at_the_second(
            requests: Requests, writer: asyncio.StreamWriter
        ) -> None:
            await requests.next()
            writer.write(OK)
            await requests.next()

        async with carrier(answer_the_first_request_and_close_at_the_second) as (server, pool):
            await pool.exchange(REQUEST)
            with pytest.raises(NoResponse):
                await pool.exchange(REQUEST)
            assert (server.connections, server.requests) == (1, 2)

    run(test)


def test_a_closed_connection_is_replaced_before_the_request() -> None:
    async def test() -> None:
        async with carrier(answering(OK, closes=True)) as (server, pool):
            await pool.exchange(REQUEST)
            await until(lambda: no_idle_connection_is_open(pool))
            await pool.exchange(REQUEST)
            assert (server.connections, server.requests) == (2, 2)

    run(test)


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", b"noise"])
def test_data_without_a_request_closes_the_connection(extra: bytes) -> None:
    async def test() -> None:
        has_response = asyncio.Event()

        async def send_extra_data_after_the_response(requests: Requests, writer: asyncio.StreamWriter) -> None:
            await requests.next()
            writer.write(OK)
            await has_response.wait()
            writer.write(extra)
            await asyncio.sleep(60)

        async with carrier(send_extra_data_after_the_response) as (server, pool):
            first = await pool.exchange(REQUEST)
            has_response.set()
            await until(lambda: no_idle_connection_is_open(pool))
            second = await pool.exchange(REQUEST)
            assert [first.body, second.body] == [b"done", b"done"]
            assert server.connections == 2

    run(test)


def test_a_canceled_request_leaves_no_response_for_the_next() -> None:
    async def test() -> None:
        may_answer = asyncio.Event()

        async def answer_late_on_the_first_connection(requests: Requests, writer: asyncio.StreamWriter) -> None:
            await requests.next()
            if requests.connection == 1:
                await may_answer.wait()
                writer.write(OK.replace(b"done", b"late"))
            else:
                writer.write(OK)
            await requests.next()

        async with carrier(answer_late_on_the_first_connection) as (server, pool):
            canceled = asyncio.create_task(pool.exchange(REQUEST))
            await until(lambda: server.requests == 1)
            canceled.cancel()
            await asyncio.wait([canceled])
            may_answer.set()
            answer: HttpResponse = await pool.exchange(REQUEST)
            assert answer.body == b"done"
            await until(lambda: server.ended == 1)
            assert server.connections == 2

    run(test)


def test_a_connection_that_was_idle_too_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "IDLE_SECONDS", 0.0)

    async def test() -> None:
        async with carrier(answering(OK, times=2)) as (server, pool):
            await pool.exchange(REQUEST)
            await pool.exchange(REQUEST)
            assert server.connections == 2

    run(test)


def test_a_response_that_is_too_large_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "LARGEST_BODY_BYTES", 3)

    async def test() -> None:
        async with carrier(answering(OK)) as (_, pool):
            with pytest.raises(NoResponse, match="ResponseTooLarge"):
                await pool.exchange(REQUEST)

    run(test)


def test_a_refused_connection_raises_connect_failed(free_port: int) -> None:
    async def test() -> None:
        pool = ConnectionPool(
            urlsplit(f"http://127.0.0.1:{free_port}"),
            limit=1,
            connect_timeout_seconds=60.0,
            response_timeout_seconds=60.0,
        )
        with pytest.raises(ConnectFailed):
            await pool.exchange(REQUEST)

    run(test)
