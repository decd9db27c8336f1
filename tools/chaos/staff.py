"""The churches' staff: they ask as a good client does, until each message is known to be accepted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.chaos.errands import Errand
from tools.chaos.posts import Post
from tools.local.api_client import ApiClient, Refused, Unreachable

_THREADS = 4
_TIMEOUT_SECONDS = 10.0
_AGAIN = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A message for which the API has answered 202 (at once, or to a repeat with the same key)."""

    message_id: str
    post: Post


@dataclass(kw_only=True)
class Staff:
    """start() begins to ask; what became of it can be read at any time."""

    base_url: str
    errands: Sequence[Errand]
    """In the order of their times."""
    run_id: str
    """Part of the idempotency keys."""
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    refused: list[str] = field(default_factory=list[str])
    """Messages that the API would not take: there should be none."""
    answers: Counter[str] = field(default_factory=Counter[str])
    """How often the API answered with each status, or not at all."""

    def start(self) -> None:
        self._began = time.monotonic()
        self._waiting = iter(self.errands)
        self._next = threading.Lock()
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_THREADS)]
        for thread in self._threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Begin nothing more, and give up what was not accepted yet."""
        self._enough.set()
        for thread in self._threads:
            thread.join(timeout=_TIMEOUT_SECONDS + 1.0)

    def unaccepted(self) -> list[str]:
        """What nobody could get accepted."""
        known = {one.post.number for one in self.accepted}
        posts = [errand.post for errand in self.errands]
        return [f"{post.body!r} was never accepted" for post in posts if post.number not in known]

    def _work(self) -> None:
        while not self._enough.is_set():
            with self._next:
                errand = next(self._waiting, None)
            if errand is None:
                return
            self._enough.wait(max(0.0, self._began + errand.post.at_seconds - time.monotonic()))
            self._do(errand)

    def _do(self, errand: Errand) -> None:
        post = errand.post
        api = ApiClient(base_url=self.base_url, key=errand.church.key, timeout_seconds=_TIMEOUT_SECONDS)
        pause_seconds = _FIRST_PAUSE_SECONDS
        while not self._enough.is_set():
            try:
                answer = api.post(errand.path, errand.body, Idempotency_Key=f"{self.run_id}-{post.number}")
            except Unreachable:
                self.answers["none"] += 1
            except Refused as error:
                self.answers[str(error.status)] += 1
                if error.status not in _AGAIN:
                    self.refused.append(f"{post.body!r}: {error}")
                    return
            else:
                self.answers["202"] += 1
                self.accepted.append(Accepted(message_id=answer["id"], post=post))
                return
            self._enough.wait(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
