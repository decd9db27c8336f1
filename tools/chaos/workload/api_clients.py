"""Clients of the API: they repeat each request with its idempotency key until the API has accepted the message."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.chaos.workload.planned_messages import PlannedMessage
from tools.chaos.workload.planned_requests import PlannedRequest
from tools.local.api_client import ApiClient, Refused, Unreachable

_THREADS = 4
_TIMEOUT_SECONDS = 10.0
_RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0


@dataclass(frozen=True, kw_only=True)
class AcceptedMessage:
    """A message for which the API answered 202, at once or to a repeated request with the same key."""

    message_id: str
    planned: PlannedMessage


@dataclass(kw_only=True)
class ApiClients:
    """start() starts the threads that send the requests. The results can be read at any time."""

    base_url: str
    requests: Sequence[PlannedRequest]
    """In the order of their times."""
    run_id: str
    """Part of the idempotency keys."""
    accepted: list[AcceptedMessage] = field(default_factory=list[AcceptedMessage])
    refused: list[str] = field(default_factory=list[str])
    """Requests that the API refused for good; a good run has none."""
    responses: Counter[str] = field(default_factory=Counter[str])
    """How often the API answered with each status, or not at all."""

    def start(self) -> None:
        self._began = time.monotonic()
        self._remaining = iter(self.requests)
        self._next = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send_requests, daemon=True) for _ in range(_THREADS)]
        for thread in self._threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Send no more requests and stop repeating those that are not accepted yet."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=_TIMEOUT_SECONDS + 1.0)

    def unaccepted(self) -> list[str]:
        """One line for each message that was never accepted."""
        accepted = {each.planned.number for each in self.accepted}
        messages = [request.message for request in self.requests]
        return [f"{message.body!r} was never accepted" for message in messages if message.number not in accepted]

    def _send_requests(self) -> None:
        while not self._stop.is_set():
            with self._next:
                request = next(self._remaining, None)
            if request is None:
                return
            self._stop.wait(max(0.0, self._began + request.message.at_seconds - time.monotonic()))
            self._send_until_accepted(request)

    def _send_until_accepted(self, request: PlannedRequest) -> None:
        message = request.message
        api = ApiClient(base_url=self.base_url, key=request.church.key, timeout_seconds=_TIMEOUT_SECONDS)
        pause_seconds = _FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            try:
                response = api.post(request.path, request.body, Idempotency_Key=f"{self.run_id}-{message.number}")
            except Unreachable:
                self.responses["none"] += 1
            except Refused as error:
                self.responses[str(error.status)] += 1
                if error.status not in _RETRYABLE_STATUSES:
                    self.refused.append(f"{message.body!r}: {error}")
                    return
            else:
                self.responses["202"] += 1
                self.accepted.append(AcceptedMessage(message_id=response["id"], planned=message))
                return
            self._stop.wait(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
