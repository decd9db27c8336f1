"""The demo: at the first start with the sandbox carrier, one message to the demo church's 1,000 people."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from tools.local import demo_church
from tools.local.api_client import ApiClient
from tools.local.demo_church import DemoChurch
from tools.local.terminal import Terminal
from tools.local.var_dir import write_private

_CONTENT = "Welcome! This is the first message of the demo church. Reply STOP to opt out."
_PATIENCE_SECONDS = 120.0


class Demo:
    """Each step may be the last before a crash: the next start takes it up there, and nobody gets a second text."""

    def __init__(self, var_dir: Path, *, base_url: str, environment: Mapping[str, str], terminal: Terminal) -> None:
        self._env_file = var_dir / "demo.env"
        self._sent_file = var_dir / "demo.sent"
        self._base_url = base_url
        self._environment = environment
        self._terminal = terminal

    def play(self) -> Generator[None, None, DemoChurch]:
        """Make the church, send, and show how far it is; yields between questions, so that others get their turn.

        Raises Refused, Unreachable and LocalError.
        """
        church = demo_church.read(self._env_file)
        if church is None or not demo_church.is_known(church, base_url=self._base_url):
            self._terminal.say("making the demo church")
            self._sent_file.unlink(missing_ok=True)
            church = demo_church.found(self._env_file, environment=self._environment)
        yield
        api = ApiClient(base_url=self._base_url, key=church.api_key)
        if not self._sent_file.exists():
            api.post("/api/contacts", {"contacts": demo_church.contacts()})
            yield
            began = time.monotonic()
            body = {"churchId": church.church_id, "content": _CONTENT, "targetType": "all"}
            # The same key after a crash: the message that was accepted is given again.
            message = api.post("/api/messages/send", body, Idempotency_Key="bin-run-demo")
            write_private(self._sent_file, message["id"] + "\n")
            yield from self._watch(api, message["id"], began)
        return church

    def _watch(self, api: ApiClient, message_id: str, began: float) -> Generator[None]:
        while True:
            counts: dict[str, int] = api.get(f"/api/messages/{message_id}")["counts"]
            took = time.monotonic() - began
            if is_over(counts):
                self._terminal.settle(f"demo message: {_progress(counts)} in {took:.1f} s")
                return
            if took > _PATIENCE_SECONDS:
                self._terminal.settle(f"demo message: {_progress(counts)}; it goes on by itself")
                return
            self._terminal.move(f"demo message: {_progress(counts)}")
            yield


def is_over(counts: Mapping[str, Any]) -> bool:
    """Every delivery has come to its end."""
    open_ones = sum(counts[status] for status in ("queued", "sending", "sent", "unknown"))
    return counts["audience"] > 0 and open_ones == 0


def _progress(counts: Mapping[str, int]) -> str:
    if counts["audience"] == 0:
        return "accepted"
    failed = counts["failed"] + counts["undelivered"]
    text = f"{counts['delivered']:,} of {counts['audience']:,} delivered"
    return f"{text}, {failed:,} failed" if failed else text
