"""The running mail server, in a thread with an event loop of its own: aiosmtpd's STARTTLS needs the standard one."""

import asyncio
import threading
from typing import Any

from tools.sandbox.mail.conversation import FaultySMTP, Handler
from tools.sandbox.mail.faults import MailFaults
from tools.sandbox.mail.ledger import MailLedger
from tools.sandbox.mail.options import MailOptions


class MailServer:
    """Listens from the moment it is made. Raises OSError when the port cannot be had."""

    def __init__(self, options: MailOptions, *, host: str) -> None:
        self.ledger = MailLedger()
        self.faults = MailFaults()
        self._loop = asyncio.SelectorEventLoop()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # a dropped connection is no mishap here
        server: asyncio.Server = self._loop.run_until_complete(
            self._loop.create_server(
                lambda: FaultySMTP(Handler(self.ledger, self.faults), options, self._loop),
                host,
                options.port or 0,
                ssl=options.implicit_context(),
                backlog=256,
            )
        )
        self.port: int = server.sockets[0].getsockname()[1]
        # With the process it ends: nothing of it has to be kept.
        threading.Thread(target=self._run, name="mail sandbox", daemon=True).start()

    def summary(self) -> dict[str, Any]:
        """The counts, as JSON; `sandbox.mail.control.MailSummary` says what each means."""
        return {
            "mails": len(self.ledger.mails),
            "connections": self.ledger.connections,
            "faults_met": self.faults.met(),
        }

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
