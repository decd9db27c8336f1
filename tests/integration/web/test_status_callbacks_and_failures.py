"""Status callbacks while PostgreSQL is away or slow, and while the web process is killed or stopped."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from settings import Settings
from store.database import Database
from tests.harness.database_proxy import Fault, database_proxy
from tests.harness.waiting import wait_until
from tests.harness.web_server import running_web
from tests.integration.web.callback_requests import (
    SIGNED,
    await_read,
    await_waiting_insert,
    ids,
    locked_receipts,
    open_and_send,
    read_heads,
    reset,
    stored,
)


def test_a_callback_that_is_repeated_after_the_process_was_killed_is_stored_once(
    settings: Settings, database: Database, tmp_path: Path, free_port: int
) -> None:
    """It is committed, and the process is killed before it has answered."""
    callback = SIGNED.callback()
    with database_proxy(settings.database_url, free_port) as proxy:
        with running_web(settings.model_copy(update={"database_url": proxy.url}), tmp_path) as web:
            read_heads(open_and_send(web.port, SIGNED.callback().request()), 1)
            proxy.next_commit = Fault.SILENCE
            client = open_and_send(web.port, callback.request())
            wait_until(lambda: callback.carrier_id in stored(database))
            os.kill(web.worker_pid(), signal.SIGKILL)
            with suppress(ConnectionResetError):
                assert client.recv(65536) == b""
            web.process.kill()
        proxy.is_silent = False
        with running_web(settings.model_copy(update={"database_url": proxy.url}), tmp_path) as web:
            again = open_and_send(web.port, callback.request())
            assert read_heads(again, 1)[0].startswith(b"HTTP/1.1 204")

    assert stored(database).count(callback.carrier_id) == 1


# --- PostgreSQL is away or slow ---------------------------------------------------------------------------------------


def test_callbacks_are_answered_503_while_postgresql_is_away(
    settings: Settings, database: Database, tmp_path: Path, free_port: int
) -> None:
    callback = SIGNED.callback()
    with database_proxy(settings.database_url, free_port) as proxy:
        behind = settings.model_copy(update={"database_url": proxy.url})
        with running_web(behind, tmp_path) as web:
            read_heads(open_and_send(web.port, SIGNED.callback().request()), 1)
            proxy.is_silent = True

            client = open_and_send(web.port, callback.request() + callback.request(replaced={"Connection": "close"}))
            answers = b"".join(iter(lambda: client.recv(65536), b""))

            assert answers.count(b"HTTP/1.1 503 Service Unavailable\r\n") == 2
            assert answers.count(b"\r\nRetry-After: 5\r\n") == 2
            assert answers.count(b"application/problem+json") == 2
            proxy.is_silent = False

            def is_stored() -> bool:
                again = web.exchange(callback.request(replaced={"Connection": "close"}))
                return again.startswith(b"HTTP/1.1 204")

            wait_until(is_stored, timeout_seconds=60)
    assert stored(database).count(callback.carrier_id) == 1


@pytest.mark.extended
def test_a_callback_whose_write_takes_too_long_is_answered_503(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    callback = SIGNED.callback()
    request = callback.request(replaced={"Connection": "close"})
    with running_web(settings, tmp_path) as web:
        with locked_receipts(database):
            answer = web.exchange(request)

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in answer
        assert b"problem-outcome-unknown" in answer
        assert web.exchange(request).startswith(b"HTTP/1.1 204")
    assert stored(database) == ids(callback)


# --- Stop -------------------------------------------------------------------------------------------------------------


def test_a_graceful_stop_answers_what_is_being_written_and_what_has_collected(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    first, second, abandoned = SIGNED.callback(), SIGNED.callback(), SIGNED.callback()
    with running_web(settings, tmp_path) as web:
        with locked_receipts(database):
            clients = [open_and_send(web.port, first.request())]
            await_waiting_insert(database)
            clients.append(open_and_send(web.port, second.request()))
            leaving = open_and_send(web.port, abandoned.request())
            await_read(web)
            reset(leaving)
            web.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _accepts(web.port), condition="the server accepts no more connections")
        heads = [read_heads(client, 1)[0] for client in clients]
        assert web.process.wait(timeout=60) == 0

    assert [head[:12] for head in heads] == [b"HTTP/1.1 204"] * 2
    assert all(b"\r\nConnection: close" in head for head in heads)
    assert stored(database) == ids(first, second, abandoned)


def test_a_graceful_stop_stores_what_waits_even_if_all_clients_have_left(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    first, second = SIGNED.callback(), SIGNED.callback()
    with running_web(settings, tmp_path) as web:
        with locked_receipts(database):
            clients = [open_and_send(web.port, first.request())]
            await_waiting_insert(database)
            clients.append(open_and_send(web.port, second.request()))
            await_read(web)
            for client in clients:
                reset(client)
            web.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _accepts(web.port), condition="the server accepts no more connections")
        assert web.process.wait(timeout=60) == 0

    assert stored(database) == ids(first, second)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except OSError:
        return False
    return True
