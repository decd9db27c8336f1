"""The load generator counts every request once, answered or not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.bench.churches import Church
from tools.bench.closed_loop import run_closed
from tools.bench.load import Load, Planned
from tools.bench.open_loop import run_planned, run_together
from tools.bench.send_requests import SendRequests, get


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({"/good": 200, "/bad": 503}.get(self.path))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        seen.append(self.headers["Idempotency-Key"])
        self._answer(202)

    def _answer(self, status: int | None) -> None:
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the name in the standard library


seen: list[str] = []


@pytest.fixture
def port() -> Iterator[int]:
    seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def plan(path: str, *, count: int) -> list[Planned]:
    return [Planned(at_seconds=0.001 * n, request=get(path, key="k")) for n in range(count)]


def test_every_planned_request_is_counted_once(port: int) -> None:
    load = run_planned(port, plan("/good", count=50))

    assert len(load.latencies_ms) == len(load.late_ms) == 50
    assert load.errors == {}


def test_refusals_and_lost_connections_are_errors_and_have_no_latency(port: int) -> None:
    refused, lost = run_together(port, plan("/bad", count=10), plan("/dropped", count=10))

    assert refused.errors == {"503": 10}
    assert lost.errors == {"no answer": 10}
    assert refused.latencies_ms == lost.latencies_ms == []


def test_a_refused_connection_counts_as_no_answer(free_port: int) -> None:
    assert run_planned(free_port, plan("/good", count=3)).errors == {"no answer": 3}


def test_a_closed_loop_sends_distinct_idempotency_keys(port: int) -> None:
    church = Church(church_id="c", key="k", sender="+12025550100", members=1)

    load = run_closed(port, SendRequests([church], content="Hi").make, connections=4, seconds=0.2)

    assert len(load.latencies_ms) == len(seen) == len(set(seen)) > 4


def test_percentiles_without_answers_are_none() -> None:
    assert Load().latency_ms(50) is None
    assert Load().lateness_ms(99) is None
