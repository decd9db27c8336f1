"""The part of the control API for messages that people write."""

import json
from typing import Any, cast

from tools.sandbox.faults.injector import FaultInjector
from tools.sandbox.inbound.delivery import InboundDelivery
from tools.sandbox.inbound.inbound_message import InboundError, NewInbound
from tools.sandbox.inbound.opt_out_list import HANDLINGS, Handling, OptOutList
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import Reply, respond, respond_json
from tools.sandbox.wire.request import Request

MOST_ROWS = 5_000
_SETTINGS = frozenset(("url", "optOutHandling"))


class InboundControl:
    """Answers requests to /_sandbox/inbound and /_sandbox/inbound/settings."""

    def __init__(self, delivery: InboundDelivery, opt_outs: OptOutList) -> None:
        self._delivery = delivery
        self._opt_outs = opt_outs

    def answer(self, request: Request, *, injector: FaultInjector | None) -> Reply:
        """Return the reply to a request below /_sandbox/inbound."""
        path = request.path.removeprefix(b"/_sandbox/inbound")
        try:
            match request.method, path:
                case b"POST", b"":
                    message = self._delivery.receive(NewInbound.from_json(json.loads(request.body)), injector=injector)
                    return respond_json(201, message.to_json())
                case b"GET", b"":
                    return self._list(request)
                case b"GET", b"/settings":
                    return respond_json(200, self._settings())
                case b"PUT", b"/settings":
                    return self._set(json.loads(request.body))
                case _, b"" | b"/settings":
                    return respond_json(405, {"error": "method not allowed"})
                case _:
                    return respond_json(404, {"error": "no such resource"})
        except ValueError as error:  # also JSONDecodeError and InboundError
            return respond_json(400, {"error": str(error)})

    def _settings(self) -> dict[str, object]:
        return {"url": self._delivery.url, "optOutHandling": self._opt_outs.handling}

    def _set(self, value: object) -> Reply:
        """Set what is given; the rest stays."""
        given = cast("dict[str, Any]", value) if isinstance(value, dict) else {"": None}
        url = given.get("url", self._delivery.url)
        handling = given.get("optOutHandling", self._opt_outs.handling)
        if not given.keys() <= _SETTINGS or handling not in HANDLINGS or not (url is None or _is_url(url)):
            raise InboundError(f"url must be a URL, and optOutHandling one of {', '.join(HANDLINGS)}")
        self._delivery.url, self._opt_outs.handling = url, cast("Handling", handling)
        return respond_json(200, self._settings())

    def _list(self, request: Request) -> Reply:
        """Return one JSON object per line: the messages after the first `after`, at most `limit` of them."""
        form = read_form(request.query)
        after, limit = first(form, "after") or "0", first(form, "limit") or str(MOST_ROWS)
        if not (after.isdecimal() and limit.isdecimal()):
            raise InboundError("after and limit must be whole numbers")
        start = int(after)
        rows = self._delivery.messages[start : start + min(int(limit), MOST_ROWS)]
        lines = "".join(json.dumps(message.to_json()) + "\n" for message in rows)
        return respond(200, lines.encode(), content_type="application/x-ndjson")


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and value.isascii()
