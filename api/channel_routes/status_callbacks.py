"""Judges and stores status callbacks on the event loop of the web process, without a thread or Flask.

There are three callbacks for every text, so they are most of all requests. The event loop only accepts: a callback that
is not plain HTTP, or that its channel refuses, is judged by the mounted view (api/channel_routes/mounting.py) in a
thread, from the same bytes. The view calls the same handler, also under servers that have no such event loop.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast
from uuid import UUID

import logs
from api import database_failures, problems, request_ids
from api.channel_routes.database_route_store import receipt_row
from api.channel_routes.serving import RouteServer, declared_routes
from api.channel_routes.set_writer import SetWriter, TooManyWaiting, WriteTimeout
from api.database_failures import REPEATABLE, database_failure
from api.problems import RequestRefused
from api.request_measurements import measure_request
from api.server import responses
from api.server.loop_handler import RecognizedRequest
from api.server.plain_heads import read_plain_head
from api.server.responses import SerializedResponse
from api.services import Services
from channels.incoming import NO_CONTENT, CarrierReceipt, NeedsThread, Route, RouteKind, RouteStore
from metrics.definitions import CALLBACKS_REFUSED
from store import receipts
from store.database import system_scope
from store.interruptible_connection import shared_wait
from store.receipts import Receipt

MAX_ATTEMPT = 32_767

_MOST_WAITING = 5_000
"""Receipts that may wait for their commit in one process, in some 10 MB of memory."""
_TIMEOUT_SECONDS = 5.0
"""How long a callback waits for the commit. A carrier waits at least three times as long."""
_PAUSE_SECONDS = 0.01
"""The least time between the starts of two transactions: at most 100 a second, however many callbacks come."""
_LARGEST_BODY = 2_048
"""Larger bodies are read in a thread: a form of this size takes 0.3 ms at worst, before the sender is verified."""
_MOST_FIELDS = 64
_PATTERNS: Mapping[str, str] = {
    "delivery_id": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "attempt": "[0-9]{1,5}",
}

_TOO_MANY = RequestRefused(
    problems.UNAVAILABLE, "Too many callbacks wait for the database at the moment. Nothing was stored."
)
_TOO_SLOW = RequestRefused(
    problems.OUTCOME_UNKNOWN,
    f"The database takes too long at the moment: the receipt may have been stored, or not. {REPEATABLE}",
)
_BROKEN = RequestRefused(problems.BROKEN, "The service failed. The error was logged.")

_log = logs.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class Callback:
    """A request to the route of a status callback. Implements api.server.loop_handler.RecognizedRequest."""

    channel: str
    route: Route[RouteStore]
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    content_length: int
    closes: bool


class StatusCallbacks:
    """Implements api.server.loop_handler.LoopHandler for the status callbacks of all channels."""

    def __init__(self, server: RouteServer, services: Services) -> None:
        self.keep_alive = True
        self._server = server
        self._database = services.database
        self._measurements = services.measurements
        self._refused = 0
        declared = [each for each in declared_routes() if each.route.kind is RouteKind.STATUS_CALLBACK]
        self._routes = [(each.route.method, _pattern(each.route), each) for each in declared]
        self._beginnings = tuple(
            f"{each.route.method} {each.route.path.partition('{')[0]}".encode() for each in declared
        )
        self._writer = SetWriter(
            self._store,
            after_write=services.job_queue.enqueue_receipts,
            most_waiting=_MOST_WAITING,
            timeout_seconds=_TIMEOUT_SECONDS,
            pause_seconds=_PAUSE_SECONDS,
            name="receipts",
        )

    @property
    def waiting(self) -> int:
        return self._writer.waiting

    def recognize(self, head: bytes) -> Callback | None:
        if not head.startswith(self._beginnings) or not (plain := read_plain_head(head)):
            return None
        if plain.content_length > _LARGEST_BODY:
            return None
        for method, pattern, declared in self._routes:
            if plain.method == method and (match := pattern.fullmatch(plain.target)):
                parameters = match.groupdict()
                if not 1 <= int(parameters.get("attempt", "1")) <= MAX_ATTEMPT:
                    return None
                return Callback(
                    channel=declared.channel,
                    route=declared.route,
                    path=plain.target,
                    parameters=parameters,
                    headers=plain.headers,
                    content_length=plain.content_length,
                    closes=plain.closes,
                )
        return None

    def take(self, request: RecognizedRequest, body: bytes, on_response: Callable[[SerializedResponse], None]) -> bool:
        assert isinstance(request, Callback)  # noqa: S101 - the server passes what `recognize` returned
        if body.count(b"&") >= _MOST_FIELDS:
            return False
        collected = _CollectedReceipts()
        try:
            response = self._server.serve_on_event_loop(
                request.route,
                cast("RouteStore", collected),
                path=request.path,
                parameters=request.parameters,
                headers=request.headers,
                body=body,
            )
        except Exception:  # noqa: BLE001 - the view judges the request again, and answers or logs what is wrong
            return False
        if response is not NO_CONTENT or len(collected.rows) > 1:
            return False
        self._take(request, collected.rows, on_response)
        return True

    def _take(
        self, request: Callback, rows: Sequence[Receipt], on_response: Callable[[SerializedResponse], None]
    ) -> None:
        began = time.perf_counter()

        def answer(error: Exception | None) -> None:
            refused = _refusal(error)
            on_response(self._response(request, refused))
            status = 204 if refused is None else refused.problem.status
            measure_request(
                self._measurements,
                method=request.route.method,
                route=request.route.path,
                status=status,
                began=began,
            )

        if not rows:  # the callback reports nothing new
            asyncio.get_running_loop().call_soon(answer, None)
            return
        try:
            self._writer.put(rows[0], answer)
        except TooManyWaiting:
            self._refused += 1
            self._measurements.count(CALLBACKS_REFUSED, request.channel, "too many waiting")
            asyncio.get_running_loop().call_soon(answer, _TOO_MANY)

    def _response(self, request: Callback, refused: RequestRefused | None) -> SerializedResponse:
        request_id = request_ids.valid_or_new(request.headers.get("x-request-id", ""))
        closes = request.closes or not self.keep_alive
        if refused is None:
            return responses.no_content(request_id=request_id, closes=closes)
        return responses.problem_response(refused.problem, refused.detail, request_id=request_id, closes=closes)

    def _store(self, rows: Sequence[Receipt]) -> None:
        """Store the receipts in one transaction, in the thread of the writer.

        Raises RequestRefused if the database fails. What is wrong is logged once for the whole set.
        """
        if self._refused:
            _log.warning("status callbacks refused: too many waited for the database", callbacks=self._refused)
            self._refused = 0
        try:
            with shared_wait(), system_scope(self._database) as connection:
                receipts.insert(connection, rows)
        except database_failures.ERRORS as error:
            failure = database_failure(error, how_to_repeat=REPEATABLE)
            raise RequestRefused(failure.problem, failure.detail) from error
        except Exception:
            _log.exception("receipts could not be stored", receipts=len(rows))
            raise


class _CollectedReceipts:
    """The RouteStore of a handler on the event loop: keeps the receipts, which has no effect yet."""

    def __init__(self) -> None:
        self.rows: list[Receipt] = []

    def store_receipt(self, receipt: CarrierReceipt, *, delivery_id: UUID, attempt: int) -> None:
        self.rows.append(receipt_row(receipt, delivery_id, attempt))

    def __getattr__(self, name: str) -> NoReturn:
        """Everything else that a RouteStore does would wait for PostgreSQL."""
        raise NeedsThread


def _refusal(error: Exception | None) -> RequestRefused | None:
    """Return how a callback is refused after this error; None without an error."""
    if error is None or isinstance(error, RequestRefused):
        return error
    return _TOO_SLOW if isinstance(error, WriteTimeout) else _BROKEN


def _pattern(route: Route[RouteStore]) -> re.Pattern[str]:
    """Return a pattern for the path of the route, with a named group for each parameter."""
    parts = re.split(r"\{(\w+)\}", route.path)
    for index, part in enumerate(parts):
        parts[index] = f"(?P<{part}>{_PATTERNS.get(part, '[A-Za-z0-9._~-]+')})" if index % 2 else re.escape(part)
    return re.compile("".join(parts), re.ASCII)
