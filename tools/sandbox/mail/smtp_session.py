"""One SMTP session of the mail server, with the faults that are set."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tools.sandbox.mail.faults import DROP, HANG, MailFaults, Step
from tools.sandbox.mail.ledger import MailLedger, TakenMail
from tools.sandbox.mail.options import MailOptions

_OK = "250 2.0.0 OK"
_HANG_SECONDS = 3600.0


class Handler:
    """Stores mails, unless a fault refuses them."""

    def __init__(self, ledger: MailLedger, faults: MailFaults) -> None:
        self.ledger = ledger
        self.faults = faults

    async def handle_MAIL(  # noqa: N802 - the name is aiosmtpd's
        self, server: "FaultySMTP", _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = await server.apply_fault(Step.MAIL)
        if answer is None:
            envelope.mail_from = address
        return answer or "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: "FaultySMTP", _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = await server.apply_fault(Step.RCPT, recipient=address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 OK"

    async def handle_DATA(self, server: "FaultySMTP", session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        refusal = await server.apply_fault(Step.DOT, recipient=recipient)
        if refusal is not None:
            return refusal
        raw = envelope.original_content or b""
        user: Any = session.auth_data
        self.ledger.mails += [
            TakenMail(
                connection=server.number,
                encrypted=server.is_encrypted,
                user=user.login.decode() if isinstance(user, LoginPassword) else None,
                sender=envelope.mail_from or "",
                recipient=each,
                raw=raw,
            )
            for each in envelope.rcpt_tos
        ]
        return await server.apply_fault(Step.ACCEPTED, recipient=recipient) or _OK


class FaultySMTP(SMTP):
    """aiosmtpd's SMTP server with fault injection: it drops, hangs and refuses where a fault requires it."""

    def __init__(self, handler: Handler, options: MailOptions, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            handler,
            hostname="sandbox.invalid",
            ident="mail sandbox",
            tls_context=options.starttls_context(),
            auth_required=options.user is not None,
            auth_require_tls=False,
            authenticator=self._log_in,
            loop=loop,
        )
        self._handler, self._options = handler, options
        self.number = 0

    async def apply_fault(self, step: Step, *, recipient: str | None = None) -> str | None:
        """Return the reply that a fault requires at this step, or None. Does not return if the fault drops or hangs."""
        action = self._handler.faults.next_action(step, recipient=recipient)
        if action == HANG:
            await asyncio.sleep(_HANG_SECONDS)
        if action in (DROP, HANG):
            self._abort()
            raise asyncio.CancelledError
        return action

    @property
    def is_encrypted(self) -> bool:
        transport: Any = self.transport
        return transport is not None and transport.get_extra_info("ssl_object") is not None

    async def _handle_client(self) -> None:
        self._handler.ledger.connections += 1
        self.number = self._handler.ledger.connections
        answer = await self.apply_fault(Step.CONNECT)
        if answer is not None:
            await self.push(answer)
            self._abort(flush=True)
            return
        await super()._handle_client()

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        answer = await self.apply_fault(Step.LOGIN)
        if answer is not None:
            await self.push(answer)
            return
        await super().smtp_AUTH(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        recipients = [] if self.envelope is None else self.envelope.rcpt_tos
        recipient = recipients[0] if recipients else None
        answer = await self.apply_fault(Step.DATA, recipient=recipient)
        if answer is not None:
            await self.push(answer)
            return
        if recipient is not None and (action := self._handler.faults.next_action(Step.BODY, recipient=recipient)):
            await self.push("354 Go on")
            if action == HANG:
                await asyncio.sleep(_HANG_SECONDS)
            self._abort()
            raise asyncio.CancelledError
        await super().smtp_DATA(arg)

    def _abort(self, *, flush: bool = False) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.close() if flush else transport.abort()

    def _log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        expected = ((self._options.user or "").encode(), (self._options.password or "").encode())
        is_valid = isinstance(data, LoginPassword) and (data.login, data.password) == expected
        return AuthResult(success=is_valid, handled=False, auth_data=data)
