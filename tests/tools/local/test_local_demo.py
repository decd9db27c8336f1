"""The demo sends its message once, also after a crash at any of its steps."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from tools.local import demo_church
from tools.local.api_client import ApiClient, Refused, Unreachable
from tools.local.demo import Demo, is_finished
from tools.local.demo_church import DemoChurch
from tools.local.terminal import Terminal
from tools.local.var_dir import write_private

STATUSES = ("suppressed", "queued", "sending", "sent", "undelivered", "failed", "unknown", "canceled")
COUNTS = {**dict.fromkeys(STATUSES, 0), "audience": 1000, "delivered": 1000}


class FakeApi(ThreadingHTTPServer):
    """The part of the API that the demo uses. The path `fails_at` is answered with 500."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known_keys: set[str] = set()
        self.messages: dict[str, str] = {}
        self.fails_at: str | None = None
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeApi  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._answer(200, {"counts": COUNTS, "items": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/messages/send":
            message_id = self.server.messages.setdefault(
                self.headers["Idempotency-Key"], f"message-{len(self.server.messages)}"
            )
            self._answer(202, {"id": message_id})
        else:
            self._answer(200, {})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        if self.headers["Authorization"].removeprefix("Bearer ") not in self.server.known_keys:
            status = 401
        if self.path == self.server.fails_at:
            status = 500
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Do not log requests."""


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def created(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> list[DemoChurch]:
    """The churches that the demo created, without `flask create-church`, which has tests of its own."""
    churches: list[DemoChurch] = []

    def create(file: Path, **_: object) -> DemoChurch:
        church = DemoChurch(church_id=f"church-{len(churches)}", api_key=f"key-{len(churches)}")
        churches.append(church)
        api.known_keys.add(church.api_key)
        write_private(file, f"CHURCH_ID={church.church_id}\nAPI_KEY={church.api_key}\n")
        return church

    monkeypatch.setattr(demo_church, "create", create)
    return churches


def run_demo(var_dir: Path, api: FakeApi) -> None:
    demo = Demo(var_dir, base_url=api.base_url, environment={}, terminal=Terminal())
    for _ in demo.run():
        pass


def test_the_demo_church_has_a_thousand_valid_fictional_numbers() -> None:
    numbers = {contact["phone"] for contact in demo_church.contacts()}
    assert len(numbers) == 1000
    assert all(number[5:10] == "55501" for number in numbers)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


def test_the_demo_runs_once(tmp_path: Path, api: FakeApi, created: list[DemoChurch]) -> None:
    run_demo(tmp_path, api)
    api.fails_at = "/api/messages/send"
    run_demo(tmp_path, api)
    assert len(created) == 1
    assert len(api.messages) == 1
    assert demo_church.read(tmp_path / "demo.env") == created[0]
    assert (tmp_path / "demo.env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", ["/api/contacts", "/api/messages/send", "/api/messages/message-0"])
def test_the_next_start_continues_after_a_crash(
    tmp_path: Path, api: FakeApi, created: list[DemoChurch], step: str
) -> None:
    api.fails_at = step
    with pytest.raises(Refused):
        run_demo(tmp_path, api)
    api.fails_at = None
    run_demo(tmp_path, api)
    assert len(created) == 1
    assert len(api.messages) == 1


def test_a_crash_before_the_key_is_stored_creates_another_church(
    tmp_path: Path, api: FakeApi, created: list[DemoChurch]
) -> None:
    (tmp_path / "demo.env.half").write_text("CHURCH_ID=lost\n")
    run_demo(tmp_path, api)
    assert demo_church.read(tmp_path / "demo.env") == created[0]


def test_another_database_gets_its_own_church(tmp_path: Path, api: FakeApi, created: list[DemoChurch]) -> None:
    run_demo(tmp_path, api)
    api.known_keys.clear()
    api.messages.clear()
    run_demo(tmp_path, api)
    assert len(created) == 2
    assert len(api.messages) == 1


@pytest.mark.parametrize(
    ("changed", "finished"),
    [
        ({}, True),
        ({"audience": 0, "delivered": 0}, False),
        ({"delivered": 999, "sent": 1}, False),
        ({"delivered": 999, "failed": 1}, True),
        ({"delivered": 999, "unknown": 1}, False),
    ],
)
def test_the_demo_is_finished_when_all_statuses_are_final(changed: dict[str, int], finished: bool) -> None:
    assert is_finished(COUNTS | changed) is finished


def test_an_api_that_does_not_run_is_unreachable(free_port: int) -> None:
    with pytest.raises(Unreachable):
        ApiClient(base_url=f"http://127.0.0.1:{free_port}").get("/health/ready")
