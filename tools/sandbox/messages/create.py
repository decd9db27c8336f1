"""Creating a message: the request everything here is made to answer quickly."""

from time import time

from tools.sandbox.faults.dice import AFTER_CREATION, BEFORE_CREATION, Dice
from tools.sandbox.messages.bodies import weigh_body
from tools.sandbox.messages.draft import read_draft
from tools.sandbox.messages.errors import refuse
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.lifecycle import Lifecycle
from tools.sandbox.messages.representation import Representation
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import DROP, HANG, Reply


class CreateMessage:
    """Accepts messages, or fails as it was told to."""

    def __init__(self, *, ledger: Ledger, lifecycle: Lifecycle, representation: Representation) -> None:
        self._ledger = ledger
        self._lifecycle = lifecycle
        self._representation = representation

    def answer(self, body: bytes, *, dice: Dice | None) -> Reply:
        """Reply to one create request whose form is `body`."""
        form = read_form(body)
        latency_seconds = 0.0
        if dice is not None:
            to = first(form, "To")
            fault = dice.first_of(BEFORE_CREATION, to=to)
            if fault is not None:
                return _fail(fault, dice)
            latency_seconds = dice.latency_seconds(to=to)
        draft = read_draft(form)
        if isinstance(draft, Reply):
            return Reply(draft.payload, latency_seconds)
        message = self._ledger.add(
            to=draft.to,
            sender=draft.sender,
            messaging_service_sid=draft.messaging_service_sid,
            body=weigh_body(draft.body),
            media_urls=draft.media_urls,
            status_callback=draft.status_callback,
            now=time(),
        )
        self._lifecycle.begin(message, delay_seconds=latency_seconds)
        if dice is not None:
            fault = dice.first_of(AFTER_CREATION, to=draft.to)
            if fault is not None:
                failure = _fail(fault, dice)
                return Reply(failure.payload, latency_seconds, failure.closes)
        payload = self._representation.render(message).encode("ascii")
        return Reply(b"%b%d\r\n\r\n%b" % (_CREATED, len(payload), payload), latency_seconds)


_CREATED = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: "


def _fail(fault: str, dice: Dice) -> Reply:
    """What a client sees of a fault."""
    match fault:
        case "refuse" | "accept_then_drop":
            return DROP
        case "timeout":
            return HANG
        case "too_many_requests":
            return _too_many(dice.faults.retry_after_seconds)
        case _:
            return refuse(20500)


def _too_many(retry_after_seconds: int | None) -> Reply:
    reply = refuse(20429)
    if retry_after_seconds is None:
        return reply
    head, _, rest = reply.payload.partition(b"\r\n")
    return Reply(b"%b\r\nRetry-After: %d\r\n%b" % (head, retry_after_seconds, rest))
