"""People who write to their churches: a thread has the sandbox carrier deliver each text until it is answered with 2xx.

The sandbox repeats a webhook after 5xx or no answer, five times within two seconds. Twilio repeats as its URL says
(docs/consent.md), and a text may be lost in a longer outage. Here it must not be: so the thread has it delivered again,
with the same id, until it is answered. Who wrote it learns that their STOP was taken, and only then the promise holds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException

from tools.chaos.workload.planned_writers import PlannedText, PlannedWriter, Words
from tools.sandbox.control import InboundRow, Sandbox, SandboxError

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.5
"""Before a text that was given up is delivered again."""


@dataclass(kw_only=True)
class WrittenText:
    """One text of a person, and when it was sent and answered, in seconds since the epoch."""

    church: int
    phone: str
    words: Words
    text: str
    carrier_id: str = ""
    sent_at: float = 0.0
    """When the carrier was first asked to deliver it."""
    answered_at: float | None = None
    """When the product first answered it with 2xx. None: not yet."""
    webhooks: int = 0
    """How often the carrier tried to deliver it."""


@dataclass(kw_only=True)
class Writers:
    """start() starts the thread. `written` can be read at any time."""

    sandbox: Sandbox
    numbers: Sequence[str]
    """To which people write, by the place of the church."""
    planned: Sequence[PlannedWriter]
    written: list[WrittenText] = field(default_factory=list[WrittenText])
    """In the order in which they were sent, without those that the carrier delivered once more on its own."""

    def start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10.0)

    def unanswered(self) -> list[str]:
        """One line for each text that was not answered, or not even written."""
        planned = sum(text.repeats is None for writer in self.planned for text in writer.texts)
        lines = [f"{each.text!r} of {each.phone} was never answered" for each in self.written if not each.answered_at]
        return [*lines, *(["a text of a person was never written"] * (planned - len(self.written)))]

    def _write_all(self) -> None:
        began = time.monotonic()
        people = [_Person(self, planned, due=began + planned.at_seconds) for planned in self.planned]
        while people and not self._stop.wait(_POLL_SECONDS):
            with suppress(OSError, HTTPException, SandboxError):
                rows: dict[str, list[InboundRow]] = {}
                for row in self.sandbox.inbound() if any(person.is_waiting for person in people) else ():
                    rows.setdefault(row.sid, []).append(row)
                for person in people:
                    person.go_on(rows)
            people = [person for person in people if not person.is_done]


class _Person:
    """Where one person is in their texts."""

    def __init__(self, writers: Writers, planned: PlannedWriter, *, due: float) -> None:
        self._writers = writers
        self._planned = planned
        self._texts: Iterator[PlannedText] = iter(planned.texts)
        self._next: PlannedText | None = next(self._texts)
        self._due = due
        self._ids: list[str] = []
        self._current: WrittenText | None = None
        self._deliveries = 0
        """How often the current text was passed to the carrier: it answers that many webhooks."""

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is outstanding."""
        return self._current is not None

    @property
    def is_done(self) -> bool:
        return self._next is None and self._current is None

    def go_on(self, rows: Mapping[str, Sequence[InboundRow]]) -> None:
        """Write the next text if it is its time, or see what became of the current one."""
        if self._current is not None:
            self._look(self._current, rows.get(self._current.carrier_id, ()))
        elif self._next is not None and time.monotonic() >= self._due:
            self._write(self._next)

    def _write(self, planned: PlannedText) -> None:
        """Write it. If the carrier cannot be asked, nothing is changed, and it is written in the next round."""
        text = WrittenText(
            church=self._planned.church, phone=self._planned.phone, words=planned.words, text=planned.text
        )
        text.sent_at = time.time()
        text.carrier_id = "" if planned.repeats is None else self._ids[planned.repeats]
        text.carrier_id = self._deliver(text)
        self._deliveries = 1
        self._current = text
        self._ids.append(text.carrier_id)
        if planned.repeats is None:
            self._writers.written.append(text)
        if planned.is_twice:
            self._deliver(text)
            self._deliveries = 2

    def _look(self, text: WrittenText, rows: Sequence[InboundRow]) -> None:
        new = rows[-self._deliveries :]
        if len(rows) < self._deliveries or not all(row.is_done for row in new):
            return
        text.webhooks = sum(row.attempts for row in rows)
        answers = [row.answered_at for row in new if row.answered_at is not None]
        if answers:
            text.answered_at = min(answers)
            self._current, self._next = None, next(self._texts, None)
            self._due = time.monotonic() + (self._next.pause_seconds if self._next else 0.0)
        elif time.monotonic() >= self._due + _PAUSE_SECONDS:
            self._due = time.monotonic()
            self._deliver(text)
            self._deliveries += 1

    def _deliver(self, text: WrittenText) -> str:
        return self._writers.sandbox.write(
            text.text, sender=text.phone, to=self._writers.numbers[text.church], sid=text.carrier_id or None
        )
