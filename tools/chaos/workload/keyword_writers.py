"""People who write STOP and START: the signed webhook of the carrier, repeated until it is answered."""

from __future__ import annotations

import base64
import hmac
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from tools.chaos.workload.churches import Church
from tools.chaos.workload.planned_keywords import PlannedKeywords
from tools.sandbox.credentials import AUTH_TOKEN

_THREADS = 8
_TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 0.5
_opener = build_opener(ProxyHandler({}))  # no proxy: the product is on this machine


@dataclass(frozen=True, kw_only=True)
class WrittenKeyword:
    """A keyword that was answered with 200. Times in seconds since the epoch."""

    church_id: str
    phone: str
    is_stop: bool
    began_at: float
    """When the webhook was sent for the first time: the product may have acted on it from then on."""
    answered_at: float
    """When it was answered: the product has acted on it."""


@dataclass(kw_only=True)
class KeywordWriters:
    """start() starts the threads. `written` and `unanswered` can be read at any time."""

    api_url: str
    churches: Sequence[Church]
    planned: Sequence[PlannedKeywords]
    written: list[WrittenKeyword] = field(default_factory=list[WrittenKeyword])
    unanswered: list[str] = field(default_factory=list[str])
    """Keywords that were never answered; a good run has none."""

    def start(self) -> None:
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS)
        self._futures = [self._threads.submit(self._write_both, each) for each in self.planned]

    @property
    def is_done(self) -> bool:
        return all(future.done() for future in self._futures)

    def stop(self) -> None:
        self._stop.set()
        self._threads.shutdown(cancel_futures=True)

    def _write_both(self, planned: PlannedKeywords) -> None:
        self._stop.wait(max(0.0, self._began + planned.at_seconds - time.monotonic()))
        if not self._write(planned, planned.stop, is_stop=True) or planned.start is None:
            return
        self._stop.wait(planned.start_after_seconds)
        self._write(planned, planned.start, is_stop=False)

    def _write(self, planned: PlannedKeywords, words: str, *, is_stop: bool) -> bool:
        """Return whether it was answered."""
        church = self.churches[planned.church]
        request = self._request(planned, church, words, is_stop=is_stop)
        began_at = time.time()
        while not self._stop.is_set():
            if _is_answered(request):
                self.written.append(
                    WrittenKeyword(
                        church_id=church.church_id,
                        phone=planned.phone,
                        is_stop=is_stop,
                        began_at=began_at,
                        answered_at=time.time(),
                    )
                )
                if planned.number % 3 == 0:  # a carrier may deliver a message twice
                    _is_answered(request)
                return True
            self._stop.wait(_PAUSE_SECONDS)
        self.unanswered.append(f"{words!r} of {planned.phone} to {church.sms_number} was never answered")
        return False

    def _request(self, planned: PlannedKeywords, church: Church, words: str, *, is_stop: bool) -> Request:
        form = {
            "MessageSid": f"SM{planned.number:031x}{int(is_stop)}",
            "From": planned.phone,
            "To": church.sms_number,
            "Body": words,
            "NumMedia": "0",
        }
        url = f"{self.api_url}/inbound/sms"
        signed = url + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.digest(AUTH_TOKEN.encode(), signed.encode(), "sha1")).decode()
        request = Request(url, data=urlencode(form).encode(), method="POST")  # noqa: S310 - always http
        request.add_header("Content-Type", "application/x-www-form-urlencoded")
        request.add_header("X-Twilio-Signature", signature)
        return request


def _is_answered(request: Request) -> bool:
    try:
        with _opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            return response.status == 200
    except (HTTPError, URLError, HTTPException, OSError):
        return False
