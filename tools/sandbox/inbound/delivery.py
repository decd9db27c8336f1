"""Delivers the messages that people write to the URL that is set for all numbers, and repeats what fails."""

import time
from asyncio import AbstractEventLoop
from dataclasses import replace
from functools import partial
from secrets import token_hex

from tools.sandbox.callbacks.connection_pool import ConnectionPool
from tools.sandbox.callbacks.dispatch import RETRIED
from tools.sandbox.callbacks.options import CallbackOptions
from tools.sandbox.faults.injector import FaultInjector
from tools.sandbox.inbound.inbound_message import InboundError, InboundMessage, NewInbound
from tools.sandbox.inbound.opt_out_list import OptOutList
from tools.sandbox.inbound.webhook import InboundWebhook, InboundWriter
from tools.sandbox.timers import Timers


class InboundDelivery:
    """Receives messages from people, as the control API orders."""

    def __init__(
        self,
        *,
        loop: AbstractEventLoop,
        timers: Timers,
        writer: InboundWriter,
        options: CallbackOptions,
        opt_outs: OptOutList,
        url: str | None,
    ) -> None:
        self._loop = loop
        self._timers = timers
        self._writer = writer
        self._options = options
        self._opt_outs = opt_outs
        self._pools: dict[str, ConnectionPool[InboundWebhook]] = {}
        self.url = url
        """Where all numbers deliver. Its fragment, with the overrides of a connection, is ignored."""
        self.messages: list[InboundMessage] = []
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Webhooks that are still to be answered."""
        return self._waiting

    def receive(self, new: NewInbound, *, injector: FaultInjector | None) -> InboundMessage:
        """Act on the words as the carrier does, and send the webhook. Raises InboundError if no URL is set."""
        if self.url is None:
            raise InboundError("no URL is set for incoming messages: PUT /_sandbox/inbound/settings")
        recognized = self._opt_outs.recognize(new.text, given=new.opt_out_type)
        is_told = self._opt_outs.handling == "advanced" or new.opt_out_type is not None
        answer = None
        if recognized is not None:
            sender = new.messaging_service_sid or new.to
            answer = self._opt_outs.apply(recognized, sender=sender, person=new.sender)
        message = InboundMessage(
            number=len(self.messages) + 1,
            sid=new.sid or f"{'MM' if new.media else 'SM'}{token_hex(16)}",
            sender=new.sender,
            to=new.to,
            text=new.text,
            media=new.media,
            messaging_service_sid=new.messaging_service_sid,
            opt_out_type=recognized if is_told else None,
            carrier_answer=answer,
        )
        self.messages.append(message)
        self._deliver(message, self.url, injector)
        return message

    def clear(self) -> None:
        """Forget all messages and drop what was not sent yet. All timers are cleared already."""
        self.messages.clear()
        for pool in self._pools.values():
            pool.waiting.clear()
        self._waiting = sum(pool.in_flight for pool in self._pools.values())

    def _deliver(self, message: InboundMessage, url: str, injector: FaultInjector | None) -> None:
        webhook = InboundWebhook(message=message, url=url)
        person = message.sender
        if injector is not None and injector.happens("callback_late", to=person):
            self._send_later(webhook, delay_seconds=injector.faults.callback_late_ms / 1000)
        else:
            self._send(webhook)
        if injector is not None and injector.happens("callback_repeated", to=person):
            self._send(replace(webhook))

    def _send(self, webhook: InboundWebhook) -> None:
        self._waiting += 1
        pool = self._pools.get(webhook.origin)
        if pool is None:
            pool = self._pools[webhook.origin] = ConnectionPool(
                webhook.origin, loop=self._loop, write=self._writer.write, options=self._options, on_done=self._done
            )
        pool.submit(webhook)

    def _send_later(self, webhook: InboundWebhook, *, delay_seconds: float) -> None:
        self._waiting += 1
        self._timers.after(delay_seconds, partial(self._send_delayed, webhook))

    def _send_delayed(self, webhook: InboundWebhook) -> None:
        self._waiting -= 1
        self._send(webhook)

    def _done(self, webhook: InboundWebhook, status: int | None) -> None:
        self._waiting -= 1
        message = webhook.message
        webhook.attempts += 1
        message.attempts += 1
        message.status = status
        if message.answered_at is None and status is not None and 200 <= status < 300:
            message.answered_at = time.time()
        if (status is None or status in RETRIED) and webhook.attempts < self._options.attempts:
            backoff_seconds = self._options.backoff_ms / 1000 * 2 ** (webhook.attempts - 1)
            self._send_later(webhook, delay_seconds=backoff_seconds)
        else:
            message.is_done = True
