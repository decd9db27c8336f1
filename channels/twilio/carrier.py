"""Submits messages through the official Twilio client, a whole batch concurrently."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest import Client

import logs
from channels.background_loop import BackgroundLoop
from channels.error_classification import ErrorClassification
from channels.incoming import CarrierReceipt
from channels.twilio.connection_pool import ConnectFailed, NoResponse
from channels.twilio.errors import SUBMISSION_CODES, classify
from channels.twilio.sent_messages import fetch_status, look_up
from channels.twilio.transport import PooledTransport, TooManyRequests
from messaging.submissions import Envelope, InDoubtDelivery, LookupResult, ResultKind, SubmissionResult
from settings import Settings

log = logs.get_logger(__name__)

T = TypeVar("T")

MAX_CONCURRENT_READS = 20
"""Look-ups and status requests have their own connections, so that they never delay submissions."""


class _Client(Client):
    """The official client determines the platform anew for the headers of each request; this one does it once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._headers: dict[str, Mapping[str, str]] = {}
        """By method."""

    def get_headers(self, method: str, headers: Mapping[str, str] | None) -> dict[str, str]:
        if method not in self._headers:
            self._headers[method] = super().get_headers(method, None)
        return {**self._headers[method], **(headers or {})}


class TwilioCarrier:
    """The connections to Twilio for the messages of one channel, for the life of the process."""

    def __init__(self, settings: Settings, *, channel: str) -> None:
        self._callbacks = f"{settings.public_url.rstrip('/')}/callbacks/{channel}"
        self._loop = BackgroundLoop("twilio")
        self._transport = self._loop.run(_open_transport(settings))
        self.capacity = settings.carrier_connections
        self._submissions = asyncio.Semaphore(self.capacity)
        self._reads = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._client = _Client(
            settings.twilio_account_sid,
            settings.twilio_auth_token.get_secret_value(),
            http_client=self._transport,
        )
        self._messages = f"/Accounts/{settings.twilio_account_sid}/Messages.json"

    def submit(
        self,
        batch: Sequence[Envelope],
        *,
        may_submit: Callable[[], bool],
        on_result: Callable[[SubmissionResult], None],
    ) -> None:
        """Start submitting all envelopes concurrently. See channels.base.Carrier."""
        self._loop.start(self._submit(envelope, may_submit, on_result) for envelope in batch)

    def look_up(self, in_doubt: Sequence[InDoubtDelivery]) -> Iterator[Sequence[LookupResult]]:
        """Search Twilio's list of messages for each delivery. See channels.base.Carrier."""
        return self._loop.stream(self._read(look_up(self._client, delivery)) for delivery in in_doubt)

    def fetch_statuses(self, carrier_ids: Sequence[str]) -> Iterator[Sequence[CarrierReceipt]]:
        """Fetch the statuses of submissions. See channels.base.Carrier."""
        for receipts in self._loop.stream(self._read(fetch_status(self._client, sid)) for sid in carrier_ids):
            yield [receipt for receipt in receipts if receipt is not None]

    def close(self) -> None:
        self._loop.run(self._close())
        self._loop.close()

    async def _submit(
        self, envelope: Envelope, may_submit: Callable[[], bool], on_result: Callable[[SubmissionResult], None]
    ) -> None:
        # As many as there are connections, so that the request is sent right after may_submit() allowed it.
        async with self._submissions:
            if may_submit():
                result = await self._create(envelope)
            else:
                result = envelope.result(ResultKind.UNSUBMITTED, "returned before it was submitted")
        on_result(result)

    async def _create(self, envelope: Envelope) -> SubmissionResult:
        began = time.perf_counter()
        answer = await self._request(envelope)
        latency_seconds = time.perf_counter() - began
        if isinstance(answer, SubmissionResult):
            return replace(answer, latency_seconds=latency_seconds)
        return SubmissionResult(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            kind=ResultKind.ACCEPTED,
            carrier_id=answer,
            latency_seconds=latency_seconds,
        )

    async def _request(self, envelope: Envelope) -> str | SubmissionResult:
        """Returns the carrier's id, or the result of a submission that was not accepted."""
        try:
            # As messages.create_async() does, but without parsing the twenty fields of the message that was created.
            message = await self._client.api.v2010.create_async(
                "POST",
                self._messages,
                data={
                    "To": envelope.address,
                    **_from(envelope),
                    "Body": envelope.content if envelope.content.strip() else None,
                    "MediaUrl": envelope.details.get("mediaUrls"),
                    "StatusCallback": f"{self._callbacks}/{envelope.delivery_id}/{envelope.attempt}",
                },
            )
            carrier_id: str | None = message.get("sid")
        except (TwilioRestException, TwilioServiceException) as error:
            return _refused(envelope, classify(code=error.code, http_status=error.status), code=error.code)
        except TooManyRequests as error:
            return _refused(
                envelope, SUBMISSION_CODES[20429], code=20429, retry_after_seconds=error.retry_after_seconds
            )
        except ConnectFailed as error:
            return envelope.result(ResultKind.THROTTLED, f"the carrier cannot be reached ({error})")
        except (NoResponse, json.JSONDecodeError) as error:
            return envelope.result(ResultKind.AMBIGUOUS, f"no response from the carrier ({error})")
        except Exception:  # the request may have been sent, so it must not be repeated
            log.exception("submission failed unexpectedly", delivery_id=str(envelope.delivery_id))
            return envelope.result(ResultKind.AMBIGUOUS, "the submission failed unexpectedly")
        if not carrier_id:
            return envelope.result(ResultKind.AMBIGUOUS, "the carrier's response has no message id")
        return carrier_id

    async def _read(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async with self._reads:
            return await coroutine

    async def _close(self) -> None:
        self._transport.close()


async def _open_transport(settings: Settings) -> PooledTransport:
    return PooledTransport(
        base_url=settings.twilio_api_base_url,
        connections=settings.carrier_connections + MAX_CONCURRENT_READS,
        timeout_seconds=settings.carrier_timeout_seconds,
    )


def _from(envelope: Envelope) -> dict[str, Any]:
    sender = envelope.sender
    if sender.messaging_service_sid is not None:
        return {"MessagingServiceSid": sender.messaging_service_sid}
    return {"From": sender.address}


def _refused(
    envelope: Envelope,
    error: ErrorClassification,
    *,
    code: int | None,
    retry_after_seconds: float | None = None,
) -> SubmissionResult:
    return SubmissionResult(
        delivery_id=envelope.delivery_id,
        attempt=envelope.attempt,
        kind=error.kind,
        error_code=None if code is None else str(code),
        reason=error.reason,
        retry_after_seconds=retry_after_seconds,
        opted_out=error.opted_out,
    )
