"""Submits texts through the official Twilio client, all of a batch at once."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import Iterator, Sequence
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

import logs
from channels.background_loop import BackgroundLoop
from channels.sms.errors import CODES, Meaning, meaning_of
from channels.sms.transport import SessionTransport, TooManyRequests
from messaging.outcomes import Envelope, Outcome, Verdict
from settings import Settings

log = logs.get_logger(__name__)

SLICE = 100
"""Outcomes handed on together, at the most."""
SLICE_WAIT_SECONDS = 0.02
"""How long a slice waits for company: recording one by one costs twenty times as much."""

_NOT_SENT = (
    aiohttp.ClientConnectorError,  # refused, no route, no such name, TLS failed
    aiohttp.ConnectionTimeoutError,
)
"""Raised before the request left."""
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, ConnectionError, json.JSONDecodeError)


class TwilioCarrier:
    """One line to Twilio for the life of the process."""

    def __init__(self, settings: Settings) -> None:
        self._callbacks = f"{settings.public_url.rstrip('/')}/callbacks/sms"
        self._loop = BackgroundLoop("twilio")
        self._transport = self._loop.run(_open_transport(settings))
        self._client = Client(
            settings.twilio_account_sid,
            settings.twilio_auth_token.get_secret_value(),
            http_client=self._transport,
        )

    def send(self, batch: Sequence[Envelope]) -> Iterator[Sequence[Outcome]]:
        """Submit all envelopes; yield their outcomes as they come in. See channels.base.Carrier."""
        arrived: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._loop.submit(self._submit_all(batch, arrived))
        missing = len(batch)
        while missing:
            outcomes = _next_slice(arrived, at_most=min(SLICE, missing))
            missing -= len(outcomes)
            yield outcomes

    def close(self) -> None:
        self._loop.run(self._transport.close())
        self._loop.close()

    async def _submit_all(self, batch: Sequence[Envelope], arrived: queue.SimpleQueue[Outcome]) -> None:
        async def submit(envelope: Envelope) -> None:
            arrived.put(await self._submit(envelope))

        await asyncio.gather(*map(submit, batch))

    async def _submit(self, envelope: Envelope) -> Outcome:
        try:
            message = await self._client.messages.create_async(
                to=envelope.address,
                body=envelope.content,
                status_callback=f"{self._callbacks}/{envelope.delivery_id}/{envelope.attempt}",
                **_from(envelope),
            )
        except TwilioRestException as error:
            return _refused(envelope, meaning_of(code=error.code, http_status=error.status), code=error.code)
        except TooManyRequests as error:
            return _refused(envelope, CODES[20429], code=20429, retry_after_seconds=error.retry_after_seconds)
        except _NOT_SENT as error:
            return _outcome(envelope, Verdict.TRANSIENT, f"the carrier cannot be reached ({_name(error)})")
        except _NO_ANSWER as error:
            return _outcome(envelope, Verdict.AMBIGUOUS, f"no answer from the carrier ({_name(error)})")
        except Exception:  # the request may have left: whatever went wrong, it must not be sent again
            log.exception("submission failed in an unforeseen way", delivery_id=str(envelope.delivery_id))
            return _outcome(envelope, Verdict.AMBIGUOUS, "the submission failed in an unforeseen way")
        return Outcome(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            verdict=Verdict.ACCEPTED,
            carrier_id=message.sid,
        )


async def _open_transport(settings: Settings) -> SessionTransport:
    return SessionTransport(
        base_url=settings.twilio_api_base_url,
        connections=settings.carrier_connections,
        timeout_seconds=settings.carrier_timeout_seconds,
    )


def _from(envelope: Envelope) -> dict[str, Any]:
    sender = envelope.sender
    if sender.messaging_service_sid is not None:
        return {"messaging_service_sid": sender.messaging_service_sid}
    return {"from_": sender.address}


def _next_slice(arrived: queue.SimpleQueue[Outcome], *, at_most: int) -> list[Outcome]:
    outcomes = [arrived.get()]
    try:
        while len(outcomes) < at_most:
            outcomes.append(arrived.get(timeout=SLICE_WAIT_SECONDS))
    except queue.Empty:
        pass
    return outcomes


def _refused(
    envelope: Envelope, meaning: Meaning, *, code: int | None, retry_after_seconds: float | None = None
) -> Outcome:
    return Outcome(
        delivery_id=envelope.delivery_id,
        attempt=envelope.attempt,
        verdict=meaning.verdict,
        error_code=None if code is None else str(code),
        reason=meaning.reason,
        retry_after_seconds=retry_after_seconds,
        opted_out=meaning.opted_out,
    )


def _outcome(envelope: Envelope, verdict: Verdict, reason: str) -> Outcome:
    return Outcome(delivery_id=envelope.delivery_id, attempt=envelope.attempt, verdict=verdict, reason=reason)


def _name(error: BaseException) -> str:
    return type(error).__name__
