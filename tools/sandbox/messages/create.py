"""Creating a message. This request must be fast: benchmarks send thousands a second."""

from time import time

from tools.sandbox.faults.injector import AFTER_CREATION, BEFORE_CREATION, FaultInjector
from tools.sandbox.inbound.opt_out_list import OptOutList
from tools.sandbox.messages.bodies import analyze_body
from tools.sandbox.messages.draft import read_draft
from tools.sandbox.messages.errors import refuse
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.lifecycle import Lifecycle
from tools.sandbox.messages.representation import Representation
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import DROP, HANG, Reply


class CreateMessage:
    """Accepts messages, or fails as the faults require."""

    def __init__(
        self, *, ledger: Ledger, lifecycle: Lifecycle, representation: Representation, opt_outs: OptOutList
    ) -> None:
        self._opt_outs = opt_outs
        self._ledger = ledger
        self._lifecycle = lifecycle
        self._representation = representation

    def answer(self, body: bytes, *, injector: FaultInjector | None) -> Reply:
        """Return the reply to one create request whose form is `body`."""
        form = read_form(body)
        latency_seconds = 0.0
        if injector is not None:
            to = first(form, "To")
            fault = injector.first_of(BEFORE_CREATION, to=to)
            if fault is not None:
                return _fail(fault, injector)
            latency_seconds = injector.latency_seconds(to=to)
        draft = read_draft(form)
        if isinstance(draft, Reply):
            return Reply(draft.payload, latency_seconds)
        if self._opt_outs.refuses(sender=draft.messaging_service_sid or draft.sender or "", to=draft.to):
            return Reply(refuse(21610).payload, latency_seconds)
        message = self._ledger.add(
            to=draft.to,
            sender=draft.sender,
            messaging_service_sid=draft.messaging_service_sid,
            body=analyze_body(draft.body),
            media_urls=draft.media_urls,
            status_callback=draft.status_callback,
            now=time(),
        )
        self._lifecycle.begin(message, delay_seconds=latency_seconds)
        if injector is not None:
            fault = injector.first_of(AFTER_CREATION, to=draft.to)
            if fault is not None:
                failure = _fail(fault, injector)
                return Reply(failure.payload, latency_seconds, failure.closes)
        payload = self._representation.render(message).encode("ascii")
        return Reply(b"%b%d\r\n\r\n%b" % (_CREATED, len(payload), payload), latency_seconds)


_CREATED = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: "


def _fail(fault: str, injector: FaultInjector) -> Reply:
    """Return what the client receives for a fault."""
    match fault:
        case "refuse" | "accept_then_drop":
            return DROP
        case "timeout":
            return HANG
        case "too_many_requests":
            return _too_many(injector.faults.retry_after_seconds)
        case _:
            return refuse(20500)


def _too_many(retry_after_seconds: int | None) -> Reply:
    reply = refuse(20429)
    if retry_after_seconds is None:
        return reply
    head, _, rest = reply.payload.partition(b"\r\n")
    return Reply(b"%b\r\nRetry-After: %d\r\n%b" % (head, retry_after_seconds, rest))
