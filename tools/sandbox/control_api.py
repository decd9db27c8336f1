"""The control API: JSON under /_sandbox/, without authentication, for loopback only."""

import json

from tools.sandbox.account.account import Account, AccountError
from tools.sandbox.account.resources import AccountResources
from tools.sandbox.faults.faults import Faults, FaultsError
from tools.sandbox.inbound.control import InboundControl
from tools.sandbox.messages.message import Message
from tools.sandbox.state import SandboxState
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import NO_CONTENT, Reply, respond, respond_json
from tools.sandbox.wire.request import Request

MOST_ROWS = 5_000
"""Rows on one page of the ledger: this many take about 10 ms, during which no other request is served."""


class ControlApi:
    """Shows the ledger and the counts, and changes faults, the hold and the account."""

    def __init__(self, state: SandboxState, account: AccountResources, inbound: InboundControl) -> None:
        self._state = state
        self._account = account
        self._inbound = inbound

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request under /_sandbox/."""
        if request.path.startswith(b"/_sandbox/inbound"):
            return self._inbound.answer(request, injector=self._state.injector)
        match request.method, request.path.removeprefix(b"/_sandbox/"):
            case b"GET", b"ledger":
                return self._ledger(request)
            case b"DELETE", b"ledger":
                self._state.reset()
            case b"GET", b"summary":
                return respond_json(200, self._state.summary())
            case b"GET", b"faults":
                return respond_json(200, self._state.faults.to_json())
            case b"PUT", b"faults":
                return self._set_faults(request)
            case b"DELETE", b"faults":
                self._state.set_faults(Faults())
            case b"PUT", b"account":
                return self._set_account(request)
            case b"DELETE", b"account":
                self._account.account = Account()
            case b"POST", b"callbacks/hold":
                self._state.dispatch.hold()
            case b"POST", b"callbacks/release":
                self._state.dispatch.release()
            case _, b"ledger" | b"summary" | b"faults" | b"account" | b"callbacks/hold" | b"callbacks/release":
                return respond_json(405, {"error": "method not allowed"})
            case _:
                return respond_json(404, {"error": "no such resource"})
        return NO_CONTENT

    def _set_faults(self, request: Request) -> Reply:
        try:
            faults = Faults.from_json(json.loads(request.body))
        except (FaultsError, ValueError) as error:
            return respond_json(400, {"error": str(error)})
        self._state.set_faults(faults)
        return respond_json(200, faults.to_json())

    def _set_account(self, request: Request) -> Reply:
        try:
            account = Account.from_json(json.loads(request.body))
        except (AccountError, ValueError) as error:
            return respond_json(400, {"error": str(error)})
        self._account.account = account
        return respond_json(200, account.to_json())

    def _ledger(self, request: Request) -> Reply:
        """Return one JSON object per line: the messages after the first `after`, at most `limit` of them."""
        form = read_form(request.query)
        after, limit = first(form, "after") or "0", first(form, "limit") or str(MOST_ROWS)
        if not (after.isdecimal() and limit.isdecimal()):
            return respond_json(400, {"error": "after and limit must be whole numbers"})
        start = int(after)
        messages = self._state.ledger.messages[start : start + min(int(limit), MOST_ROWS)]
        return respond(200, "".join(map(_row, messages)).encode(), content_type="application/x-ndjson")


def _row(message: Message) -> str:
    callback = "null" if message.status_callback is None else json.dumps(message.status_callback)
    sender = "null" if message.sender is None else f'"{message.sender}"'
    code = "null" if message.error_code is None else message.error_code
    return (
        f'{{"number":{message.number + 1},"sid":"{message.sid}","to":"{message.to}","from":{sender},'
        f'"body":{message.body.literal},"num_media":{len(message.media_urls)},"status":"{message.status}",'
        f'"error_code":{code},"created_at":{message.created_at!r},"status_callback":{callback}}}\n'
    )
