"""The demo survives a crash after any of its steps, and its people get one text."""

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
from tools.local.demo import Demo, is_over
from tools.local.demo_church import DemoChurch
from tools.local.terminal import Terminal
from tools.local.var_dir import write_private

ENDS = ("suppressed", "queued", "sending", "sent", "undelivered", "failed", "unknown", "canceled")
COUNTS = {**dict.fromkeys(ENDS, 0), "audience": 1000, "delivered": 1000}


class StandInApi(ThreadingHTTPServer):
    """As much of the API as the demo asks for. `breaks_at` is a path that answers 500."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known_keys: set[str] = set()
        self.messages: dict[str, str] = {}
        self.breaks_at: str | None = None
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: StandInApi  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._answer(200, {"counts": COUNTS, "items": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/messages/send":
            made = self.server.messages.setdefault(
                self.headers["Idempotency-Key"], f"message-{len(self.server.messages)}"
            )
            self._answer(202, {"id": made})
        else:
            self._answer(200, {})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        if self.headers["Authorization"].removeprefix("Bearer ") not in self.server.known_keys:
            status = 401
        if self.path == self.server.breaks_at:
            status = 500
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base
        """Keep the tests' output clean."""


@pytest.fixture
def api() -> Iterator[StandInApi]:
    with StandInApi() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def founded(api: StandInApi, monkeypatch: pytest.MonkeyPatch) -> list[DemoChurch]:
    """The churches that were made; the operator's command is tested where it is written."""
    churches: list[DemoChurch] = []

    def found(file: Path, **_: object) -> DemoChurch:
        church = DemoChurch(church_id=f"church-{len(churches)}", api_key=f"key-{len(churches)}")
        churches.append(church)
        api.known_keys.add(church.api_key)
        write_private(file, f"CHURCH_ID={church.church_id}\nAPI_KEY={church.api_key}\n")
        return church

    monkeypatch.setattr(demo_church, "found", found)
    return churches


def play(var_dir: Path, api: StandInApi) -> None:
    demo = Demo(var_dir, base_url=api.base_url, environment={}, terminal=Terminal())
    for _ in demo.play():
        pass


def test_there_are_a_thousand_people_with_valid_numbers_of_fiction() -> None:
    numbers = {contact["phone"] for contact in demo_church.contacts()}
    assert len(numbers) == 1000
    assert all(number[5:10] == "55501" for number in numbers)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


def test_it_is_played_once(tmp_path: Path, api: StandInApi, founded: list[DemoChurch]) -> None:
    play(tmp_path, api)
    api.breaks_at = "/api/messages/send"
    play(tmp_path, api)
    assert len(founded) == 1
    assert len(api.messages) == 1
    assert demo_church.read(tmp_path / "demo.env") == founded[0]
    assert (tmp_path / "demo.env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", ["/api/contacts", "/api/messages/send", "/api/messages/message-0"])
def test_a_crash_in_the_middle_is_mended_by_the_next_start(
    tmp_path: Path, api: StandInApi, founded: list[DemoChurch], step: str
) -> None:
    api.breaks_at = step
    with pytest.raises(Refused):
        play(tmp_path, api)
    api.breaks_at = None
    play(tmp_path, api)
    assert len(founded) == 1
    assert len(api.messages) == 1


def test_a_crash_before_the_key_was_written_makes_another_church(
    tmp_path: Path, api: StandInApi, founded: list[DemoChurch]
) -> None:
    (tmp_path / "demo.env.half").write_text("CHURCH_ID=lost\n")
    play(tmp_path, api)
    assert demo_church.read(tmp_path / "demo.env") == founded[0]


def test_another_database_gets_a_church_of_its_own(tmp_path: Path, api: StandInApi, founded: list[DemoChurch]) -> None:
    play(tmp_path, api)
    api.known_keys.clear()
    api.messages.clear()
    play(tmp_path, api)
    assert len(founded) == 2
    assert len(api.messages) == 1


@pytest.mark.parametrize(
    ("changed", "over"),
    [
        ({}, True),
        ({"audience": 0, "delivered": 0}, False),
        ({"delivered": 999, "sent": 1}, False),
        ({"delivered": 999, "failed": 1}, True),
        ({"delivered": 999, "unknown": 1}, False),
    ],
)
def test_it_is_over_when_nothing_is_open(changed: dict[str, int], over: bool) -> None:
    assert is_over(COUNTS | changed) is over


def test_an_api_that_is_away_is_unreachable(free_port: int) -> None:
    with pytest.raises(Unreachable):
        ApiClient(base_url=f"http://127.0.0.1:{free_port}").get("/health/ready")
