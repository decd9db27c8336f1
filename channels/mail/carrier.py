"""Hands mails to the mail server, over connections that are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import logs
from channels.error_classification import ErrorClassification
from channels.incoming import CarrierReceipt
from channels.mail import errors
from channels.mail.composing import Composer, message_id
from channels.mail.server import MailServer
from channels.mail.smtp_session import Broken, Conversation, Mail, Refused, Stage
from messaging.submissions import Envelope, InDoubtDelivery, LookupResult, ResultKind, SubmissionResult
from settings import Settings

log = logs.get_logger(__name__)

IDLE_SECONDS = 30.0
"""A connection that rested longer is left: a server or a firewall may drop it under the next mail."""
FIRST_PAUSE_SECONDS = 60.0
"""After a refusal that may pass, doubled each time: servers that greylist want minutes (RFC 6647)."""
WAITING_FOR_EACH = 10
"""Mails that wait for each connection, itself included: claims of a few at a time would cost more than sending does."""
MOST_REPEATS = 2
"""So often a mail in doubt is sent again; then it waits for a person (docs/decisions/0012)."""


class _Batch:
    """What one batch learns: once its sender is refused or too fast, the rest need not be tried."""

    def __init__(self, may_submit: Callable[[], bool]) -> None:
        self._may_submit = may_submit
        self._halted = threading.Event()

    def may_submit(self) -> bool:
        return not self._halted.is_set() and self._may_submit()

    def learn(self, result: SubmissionResult) -> None:
        if result.kind in (ResultKind.SENDER, ResultKind.THROTTLED):
            self._halted.set()


class MailCarrier:
    """Threads, each with a connection of its own: smtplib on threads took half the CPU of an asyncio client."""

    def __init__(self, settings: Settings) -> None:
        self.capacity = WAITING_FOR_EACH * settings.smtp_connections
        self._server = None if settings.smtp_url is None else MailServer.from_url(settings.smtp_url)
        self._timeout_seconds = settings.smtp_timeout_seconds
        self._composer = Composer(settings)
        self._threads = ThreadPoolExecutor(settings.smtp_connections, thread_name_prefix="smtp")
        self._own = threading.local()
        self._conversations: set[Conversation] = set()
        self._lock = threading.Lock()

    def submit(
        self,
        batch: Sequence[Envelope],
        *,
        may_submit: Callable[[], bool],
        on_result: Callable[[SubmissionResult], None],
    ) -> None:
        """Submit the envelopes, as many at once as there are connections. See channels.base.Carrier."""
        shared = _Batch(may_submit)
        for envelope in batch:
            self._threads.submit(self._serve, envelope, shared, on_result)

    def look_up(self, in_doubt: Sequence[InDoubtDelivery]) -> Iterator[Sequence[LookupResult]]:
        """There is no list to read: a mail counts as missing, and is so repeated, twice; after that as unread.

        Why a mail in doubt is repeated, once or twice: docs/decisions/0012.
        """
        yield [
            LookupResult(
                delivery_id=delivery.delivery_id,
                attempt=delivery.attempt,
                records=() if delivery.repeats < MOST_REPEATS else None,
            )
            for delivery in in_doubt
        ]

    def fetch_statuses(self, carrier_ids: Sequence[str]) -> Iterator[Sequence[CarrierReceipt]]:  # noqa: ARG002 - nobody knows
        """A mail server tells nothing of what it took; bounces come by themselves."""
        return iter(())

    def close(self) -> None:
        """Finish what is under way, and say goodbye on every connection."""
        self._threads.shutdown(wait=True)
        for conversation in self._conversations:
            conversation.leave()
        self._conversations.clear()

    def _serve(self, envelope: Envelope, batch: _Batch, on_result: Callable[[SubmissionResult], None]) -> None:
        try:
            result = self._submit(envelope, batch)
        except Exception:  # the mail may have left: whatever went wrong, nobody knows
            log.exception("submission failed in an unforeseen way", delivery_id=str(envelope.delivery_id))
            result = _result(envelope, ResultKind.AMBIGUOUS, "the submission failed in an unforeseen way")
        batch.learn(result)
        on_result(result)

    def _submit(self, envelope: Envelope, batch: _Batch) -> SubmissionResult:
        if not batch.may_submit():
            return _result(envelope, ResultKind.UNSUBMITTED, "handed back before it was submitted")
        if self._server is None:
            return _result(envelope, ResultKind.SENDER, "mail is not set up (SMTP_URL)")
        try:
            mail = self._composer.compose(envelope)
        except Exception as error:  # noqa: BLE001 - nothing has left; the same would happen again
            # Without the error's text, in which subject or addresses may stand.
            log.error("mail cannot be composed", delivery_id=str(envelope.delivery_id), error=type(error).__name__)  # noqa: TRY400
            return _result(envelope, ResultKind.PERMANENT, "the mail cannot be composed")
        try:
            submitted = self._hand_over(self._server, mail, batch)
        except Refused as refusal:
            return _refused(envelope, errors.refused(refusal), code=refusal.enhanced or str(refusal.code))
        except Broken as failure:
            log.warning("mail server fails", stage=failure.stage.value, error=failure.cause_name)
            return _refused(envelope, errors.broken(failure), code=None)
        if not submitted:
            return _result(envelope, ResultKind.UNSUBMITTED, "handed back before it was submitted")
        return SubmissionResult(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            kind=ResultKind.ACCEPTED,
            carrier_id=message_id(envelope.delivery_id, self._composer.own_name),
        )

    def _hand_over(self, server: MailServer, mail: Mail, batch: _Batch) -> bool:
        """Whether it was submitted, and not forbidden at the last moment. Raises Refused, Broken.

        A kept connection may have died since, which shows at its first command. The server has nothing of this mail
        then, so it goes over a new one.
        """
        kept = self._kept()
        if kept is not None:
            if not batch.may_submit():
                return False
            try:
                kept.submit(mail)
            except (Refused, Broken) as error:
                if kept.is_open or error.stage is not Stage.SENDER:
                    raise
            else:
                return True
        fresh = self._open(server)
        if not batch.may_submit():
            return False
        fresh.submit(mail)
        return True

    def _kept(self) -> Conversation | None:
        """This thread's own, if it can be expected to be alive."""
        kept: Conversation | None = getattr(self._own, "conversation", None)
        if kept is None:
            return None
        if kept.is_open and kept.rested_seconds < IDLE_SECONDS:
            return kept
        kept.drop()
        self._own.conversation = None
        with self._lock:
            self._conversations.discard(kept)
        return None

    def _open(self, server: MailServer) -> Conversation:
        fresh = server.open(own_name=self._composer.own_name, timeout_seconds=self._timeout_seconds)
        old: Conversation | None = getattr(self._own, "conversation", None)
        self._own.conversation = fresh
        with self._lock:
            self._conversations.add(fresh)
            if old is not None:
                self._conversations.discard(old)
        return fresh


def _refused(envelope: Envelope, error: ErrorClassification, *, code: str | None) -> SubmissionResult:
    pause = FIRST_PAUSE_SECONDS * 2**envelope.tries if error.kind is ResultKind.TRANSIENT else None
    return SubmissionResult(
        delivery_id=envelope.delivery_id,
        attempt=envelope.attempt,
        kind=error.kind,
        error_code=code,
        reason=error.reason,
        retry_after_seconds=pause,
    )


def _result(envelope: Envelope, kind: ResultKind, reason: str) -> SubmissionResult:
    return SubmissionResult(delivery_id=envelope.delivery_id, attempt=envelope.attempt, kind=kind, reason=reason)
