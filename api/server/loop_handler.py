"""What the event loop can serve itself: requests that are so many, and so quick to judge, that a thread for each costs
more than its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from api.server.responses import SerializedResponse

EXTENSION = "koinonia.loop_handler"
"""The key in `app.extensions` under which the application offers its LoopHandler."""


class RecognizedRequest(Protocol):
    """A request whose head has arrived, and which the event loop may be able to serve."""

    @property
    def content_length(self) -> int:
        """The bytes of the body that follows the head."""
        ...


class LoopHandler(Protocol):
    """Serves some requests on the event loop. Nothing here may wait, or compute for longer than some 0.1 ms.

    It never refuses a request for what the request contains. A request that it does not recognize, or does not take,
    is served by the application in a thread, from the same bytes.
    """

    keep_alive: bool
    """Whether connections stay open after a response. The server sets it."""

    @property
    def waiting(self) -> int:
        """How many requests it has taken whose work is not done yet, including those whose clients have left."""
        ...

    def recognize(self, head: bytes) -> RecognizedRequest | None:
        """Return the request if the event loop may serve it. `head` ends with the empty line after the headers."""
        ...

    def take(self, request: RecognizedRequest, body: bytes, on_response: Callable[[SerializedResponse], None]) -> bool:
        """Take the complete request, or return False without any effect.

        `on_response` is called later on the event loop, never before this returns.
        """
        ...
