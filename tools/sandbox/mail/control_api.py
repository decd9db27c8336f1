"""The control API of the mail server: JSON under /_sandbox/mail/."""

import json
from typing import Any, cast

from tools.sandbox.mail import pages
from tools.sandbox.mail.faults import MailFault, MailFaultError
from tools.sandbox.mail.server import MailServer
from tools.sandbox.wire.reply import NO_CONTENT, Reply, respond_json
from tools.sandbox.wire.request import Request

ROOT = b"/_sandbox/mail/"


class MailControlApi:
    """Shows the mails and the counts, and changes faults."""

    def __init__(self, server: MailServer | None) -> None:
        self._server = server

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request under /_sandbox/mail/."""
        if self._server is None:
            return respond_json(404, {"error": "there is no mail server: start the sandbox with --mail-port"})
        if request.method == b"GET" and request.path.startswith(pages.ROOT):
            return pages.answer(self._server.ledger, request)
        match request.method, request.path.removeprefix(ROOT):
            case b"GET", b"port":
                return respond_json(200, {"port": self._server.port})
            case b"GET", b"summary":
                return respond_json(200, self._server.summary())
            case b"GET", b"ledger":
                return respond_json(200, self._server.ledger.to_json())
            case b"DELETE", b"ledger":
                self._server.ledger.clear()
            case b"PUT", b"faults":
                return self._set_faults(self._server, request)
            case _:
                return respond_json(404, {"error": "no such resource"})
        return NO_CONTENT

    def _set_faults(self, server: MailServer, request: Request) -> Reply:
        try:
            values = cast("list[Any]", json.loads(request.body))
            faults = [MailFault.from_json(value) for value in values]
        except (MailFaultError, ValueError) as error:
            return respond_json(400, {"error": str(error)})
        server.faults.set(faults)
        return NO_CONTENT
