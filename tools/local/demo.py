"""The demo: the first bin/run with the sandbox carrier sends one message to the demo church's 1,000 members."""

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
_LIMIT_SECONDS = 120.0


class Demo:
    """Creates the demo church and sends its message. After a crash at any step, the next start continues; nobody gets
    two texts.
    """

    def __init__(self, var_dir: Path, *, base_url: str, environment: Mapping[str, str], terminal: Terminal) -> None:
        self._env_file = var_dir / "demo.env"
        self._sent_file = var_dir / "demo.sent"
        self._base_url = base_url
        self._environment = environment
        self._terminal = terminal

    def run(self) -> Generator[None, None, DemoChurch]:
        """Create the church, send the message and show the progress. Yields between requests, so that the caller can do
        other work.

        Raises Refused, Unreachable and LocalError.
        """
        church = demo_church.read(self._env_file)
        if church is None or not demo_church.is_known(church, base_url=self._base_url):
            self._terminal.print_line("creating the demo church")
            self._sent_file.unlink(missing_ok=True)
            church = demo_church.create(self._env_file, environment=self._environment)
        yield
        api = ApiClient(base_url=self._base_url, key=church.api_key)
        if not self._sent_file.exists():
            api.post("/api/contacts", {"contacts": demo_church.contacts()})
            yield
            began = time.monotonic()
            body = {"churchId": church.church_id, "content": _CONTENT, "targetType": "all"}
            # The same key as before a crash: the API returns the message that it already accepted.
            message = api.post("/api/messages/send", body, Idempotency_Key="bin-run-demo")
            write_private(self._sent_file, message["id"] + "\n")
            yield from self._watch(api, message["id"], began)
        return church

    def _watch(self, api: ApiClient, message_id: str, began: float) -> Generator[None]:
        while True:
            counts: dict[str, int] = api.get(f"/api/messages/{message_id}")["counts"]
            took = time.monotonic() - began
            if is_finished(counts):
                self._terminal.finish_progress(f"demo message: {_progress(counts)} in {took:.1f} s")
                return
            if took > _LIMIT_SECONDS:
                self._terminal.finish_progress(f"demo message: {_progress(counts)}; sending continues")
                return
            self._terminal.show_progress(f"demo message: {_progress(counts)}")
            yield


def is_finished(counts: Mapping[str, Any]) -> bool:
    """Return whether every delivery has reached a final status."""
    unfinished = sum(counts[status] for status in ("queued", "sending", "sent", "unknown"))
    return counts["audience"] > 0 and unfinished == 0


def _progress(counts: Mapping[str, int]) -> str:
    if counts["audience"] == 0:
        return "accepted"
    failed = counts["failed"] + counts["undelivered"]
    text = f"{counts['delivered']:,} of {counts['audience']:,} delivered"
    return f"{text}, {failed:,} failed" if failed else text
