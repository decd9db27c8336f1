"""The running mail server, in a thread with an event loop of its own: aiosmtpd's STARTTLS needs the standard one."""

import asyncio
import threading
from typing import Any

from tools.sandbox.mail.faults import MailFaults
from tools.sandbox.mail.ledger import MailLedger
from tools.sandbox.mail.options import MailOptions
from tools.sandbox.mail.smtp_session import FaultySMTP, Handler


class MailServer:
    """Listens as soon as it is created. Raises OSError when the port cannot be bound."""

    def __init__(self, options: MailOptions, *, host: str) -> None:
        self.ledger = MailLedger()
        self.faults = MailFaults()
        self._loop = asyncio.SelectorEventLoop()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # dropped connections are expected
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
        # A daemon thread: nothing has to be saved when the process ends.
        threading.Thread(target=self._run, name="mail sandbox", daemon=True).start()

    def summary(self) -> dict[str, Any]:
        """Return the counts as JSON; `sandbox.mail.control.MailSummary` describes each."""
        return {
            "mails": len(self.ledger.mails),
            "connections": self.ledger.connections,
            "faults_met": self.faults.counts(),
        }

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
