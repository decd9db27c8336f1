"""Submits mails to the mail server, over connections that stay open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import logs
from channels.error_classification import ErrorClassification
from channels.incoming import CarrierReceipt
from channels.mail import errors
from channels.mail.composing import Composer, message_id
from channels.mail.mail_server import MailServer
from channels.mail.smtp_session import Mail, SmtpFailure, SmtpRefusal, SmtpSession, Stage
from messaging.backoff import backoff_seconds
from messaging.submissions import Envelope, InDoubtDelivery, LookupResult, ResultKind, SubmissionResult
from settings import Settings

log = logs.get_logger(__name__)

IDLE_SECONDS = 30.0
"""A connection that was idle for longer is closed, because a server or firewall may drop it during the next mail."""
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 60.0, 3600.0
"""The backoff after temporary refusals, doubled each time: greylisting servers ask for minutes (RFC 6647)."""
QUEUED_PER_CONNECTION = 10
"""Mails per connection that may be in flight or queued: claiming a few at a time costs more than sending them."""
MAX_REPEATS = 2
"""How often a mail in doubt is sent again before it waits for a person (docs/decisions/0012)."""


class _BatchStop:
    """Stops the rest of a batch once its sender was refused or throttled."""

    def __init__(self, may_submit: Callable[[], bool]) -> None:
        self._may_submit = may_submit
        self._halted = threading.Event()

    def may_submit(self) -> bool:
        return not self._halted.is_set() and self._may_submit()

    def observe(self, result: SubmissionResult) -> None:
        if result.kind in (ResultKind.SENDER, ResultKind.THROTTLED):
            self._halted.set()


class MailCarrier:
    """Submits mails from threads, each with its own connection. An asyncio client took twice the CPU."""

    def __init__(self, settings: Settings) -> None:
        self.capacity = QUEUED_PER_CONNECTION * settings.smtp_connections
        self._server = None if settings.smtp_url is None else MailServer.from_url(settings.smtp_url)
        self._timeout_seconds = settings.smtp_timeout_seconds
        self._composer = Composer(settings)
        self._threads = ThreadPoolExecutor(settings.smtp_connections, thread_name_prefix="smtp")
        self._thread_local = threading.local()
        self._sessions: set[SmtpSession] = set()
        self._lock = threading.Lock()

    def submit(
        self,
        batch: Sequence[Envelope],
        *,
        may_submit: Callable[[], bool],
        on_result: Callable[[SubmissionResult], None],
    ) -> None:
        """Start submitting the envelopes, as many at once as there are connections. See channels.base.Carrier."""
        stop = _BatchStop(may_submit)
        for envelope in batch:
            self._threads.submit(self._submit_one, envelope, stop, on_result)

    def look_up(self, in_doubt: Sequence[InDoubtDelivery]) -> Iterator[Sequence[LookupResult]]:
        """Report each mail as not found, so that it is sent again, until MAX_REPEATS; after that as not readable.

        A mail server has no list to search. Why a mail in doubt is sent again: docs/decisions/0012.
        """
        yield [
            LookupResult(
                delivery_id=delivery.delivery_id,
                attempt=delivery.attempt,
                records=() if delivery.repeats < MAX_REPEATS else None,
            )
            for delivery in in_doubt
        ]

    def fetch_statuses(self, carrier_ids: Sequence[str]) -> Iterator[Sequence[CarrierReceipt]]:  # noqa: ARG002 - mail servers have no status
        """Yields nothing: a mail server cannot be asked about accepted mail. Bounces arrive at their own route."""
        return iter(())

    def close(self) -> None:
        """Finish the mails in flight, then quit every session."""
        self._threads.shutdown(wait=True)
        for session in self._sessions:
            session.quit()
        self._sessions.clear()

    def _submit_one(self, envelope: Envelope, stop: _BatchStop, on_result: Callable[[SubmissionResult], None]) -> None:
        try:
            result = self._submit(envelope, stop)
        except Exception:  # the mail may have left
            log.exception("submission failed unexpectedly", delivery_id=str(envelope.delivery_id))
            result = envelope.result(ResultKind.AMBIGUOUS, "the submission failed unexpectedly")
        stop.observe(result)
        on_result(result)

    def _submit(self, envelope: Envelope, stop: _BatchStop) -> SubmissionResult:
        if not stop.may_submit():
            return envelope.result(ResultKind.UNSUBMITTED, "returned before it was submitted")
        if self._server is None:
            return envelope.result(ResultKind.SENDER, "mail is not set up (SMTP_URL)")
        try:
            mail = self._composer.compose(envelope)
        except Exception as error:  # noqa: BLE001 - nothing has left, and the same would happen again
            # Without the error's text, which may contain the subject or addresses.
            log.error("mail cannot be composed", delivery_id=str(envelope.delivery_id), error=type(error).__name__)  # noqa: TRY400
            return envelope.result(ResultKind.PERMANENT, "the mail cannot be composed")
        began = time.perf_counter()
        result = self._submit_composed(self._server, envelope, mail, stop)
        if result.kind is ResultKind.UNSUBMITTED:
            return result
        return replace(result, latency_seconds=time.perf_counter() - began)

    def _submit_composed(
        self, server: MailServer, envelope: Envelope, mail: Mail, stop: _BatchStop
    ) -> SubmissionResult:
        try:
            submitted = self._submit_mail(server, mail, stop)
        except SmtpRefusal as refusal:
            return _refused(envelope, errors.classify_refusal(refusal), code=refusal.enhanced or str(refusal.code))
        except SmtpFailure as failure:
            log.warning("mail server failed", stage=failure.stage.value, error=failure.cause_name)
            return _refused(envelope, errors.classify_failure(failure), code=None)
        if not submitted:
            return envelope.result(ResultKind.UNSUBMITTED, "returned before it was submitted")
        return SubmissionResult(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            kind=ResultKind.ACCEPTED,
            carrier_id=message_id(envelope.delivery_id, self._composer.service_host),
        )

    def _submit_mail(self, server: MailServer, mail: Mail, stop: _BatchStop) -> bool:
        """Submit the mail; False when `may_submit` no longer allows it. Raises SmtpRefusal, SmtpFailure.

        If the server has closed the idle connection, the first command fails. The server has received nothing of this
        mail then, so it is submitted over a new connection.
        """
        kept = self._kept_session()
        if kept is not None:
            if not stop.may_submit():
                return False
            try:
                kept.submit(mail)
            except (SmtpRefusal, SmtpFailure) as error:
                if kept.is_open or error.stage is not Stage.SENDER:
                    raise
            else:
                return True
        fresh = self._open(server)
        if not stop.may_submit():
            return False
        fresh.submit(mail)
        return True

    def _kept_session(self) -> SmtpSession | None:
        """This thread's open session, unless it was idle for too long."""
        kept: SmtpSession | None = getattr(self._thread_local, "session", None)
        if kept is None:
            return None
        if kept.is_open and kept.idle_seconds < IDLE_SECONDS:
            return kept
        kept.close()
        self._thread_local.session = None
        with self._lock:
            self._sessions.discard(kept)
        return None

    def _open(self, server: MailServer) -> SmtpSession:
        fresh = server.open(service_host=self._composer.service_host, timeout_seconds=self._timeout_seconds)
        old: SmtpSession | None = getattr(self._thread_local, "session", None)
        self._thread_local.session = fresh
        with self._lock:
            self._sessions.add(fresh)
            if old is not None:
                self._sessions.discard(old)
        return fresh


def _refused(envelope: Envelope, error: ErrorClassification, *, code: str | None) -> SubmissionResult:
    backoff = None
    if error.kind is ResultKind.TRANSIENT:
        backoff = backoff_seconds(
            envelope.tries + 1, base_seconds=FIRST_BACKOFF_SECONDS, limit_seconds=LONGEST_BACKOFF_SECONDS
        )
    return SubmissionResult(
        delivery_id=envelope.delivery_id,
        attempt=envelope.attempt,
        kind=error.kind,
        error_code=code,
        reason=error.reason,
        retry_after_seconds=backoff,
    )
