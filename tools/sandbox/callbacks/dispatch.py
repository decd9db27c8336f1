"""Turns status changes into callbacks. On request they are lost, repeated, delayed, reordered or held back."""

from asyncio import AbstractEventLoop
from collections import Counter, deque
from dataclasses import replace
from functools import partial

from tools.sandbox.callbacks.callback import Callback, CallbackWriter
from tools.sandbox.callbacks.connection_pool import ConnectionPool
from tools.sandbox.callbacks.options import CallbackOptions
from tools.sandbox.faults.injector import FaultInjector
from tools.sandbox.messages.magic_numbers import OUTCOMES
from tools.sandbox.messages.message import FINAL_STATUSES, Message
from tools.sandbox.timers import Timers

REORDERED_GAP_SECONDS = 0.03
"""Time between two reordered callbacks: long enough that they arrive in that order."""

RELEASE_CHUNK = 1_000
"""How many held callbacks are sent before the event loop handles anything else."""

RETRIED = frozenset((429, *range(500, 600)))
"""HTTP statuses after which a callback is retried."""


class Dispatch:
    """Sends the callbacks of all messages."""

    def __init__(
        self, *, loop: AbstractEventLoop, timers: Timers, writer: CallbackWriter, options: CallbackOptions
    ) -> None:
        self._loop = loop
        self._timers = timers
        self._writer = writer
        self._options = options
        self._pools: dict[str, ConnectionPool[Callback]] = {}
        self._held: deque[Callback] = deque()
        self._reordered: dict[Message, list[Callback]] = {}
        self._delayed = 0
        self.is_holding = False
        self.injector: FaultInjector | None = None
        self.outcomes: Counter[str] = Counter()

    def on_status(self, message: Message) -> None:
        """Send the callback for the status that a message has just reached, if its sender asked for callbacks."""
        if message.status_callback is None:
            return
        callback = Callback(
            message=message,
            url=message.status_callback,
            status=message.status,
            error_code=message.error_code,
        )
        if self.injector is None and not self._reordered:
            self._send(callback)
        else:
            self._send_with_faults(callback)

    def hold(self) -> None:
        """Hold back every callback from now on."""
        self.is_holding = True

    def release(self) -> None:
        """Send callbacks again, those held back first."""
        self.is_holding = False
        self._send_held()

    def _send_held(self) -> None:
        """Send what was held back, in chunks: there may be millions."""
        for _ in range(min(RELEASE_CHUNK, len(self._held))):
            if self.is_holding:
                return
            self._send(self._held.popleft())
        if self._held:
            self._loop.call_soon(self._send_held)

    def clear(self) -> None:
        """Drop every callback that was not sent yet."""
        self._held.clear()
        self._reordered.clear()
        self._delayed = 0
        self.outcomes.clear()
        for pool in self._pools.values():
            pool.waiting.clear()

    def counts(self) -> dict[str, int]:
        """How many callbacks were answered, refused, retried, given up and lost, and how many are still to be sent."""
        return {
            **{name: self.outcomes[name] for name in ("answered", "refused", "retried", "given_up", "lost")},
            "held": len(self._held),
            "waiting": self._delayed
            + sum(map(len, self._reordered.values()))
            + sum(len(pool.waiting) + pool.in_flight for pool in self._pools.values()),
        }

    def _send(self, callback: Callback) -> None:
        if self.is_holding:
            self._held.append(callback)
            return
        origin = callback.origin
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = ConnectionPool(
                origin, loop=self._loop, write=self._writer.write, options=self._options, on_done=self._done
            )
        pool.submit(callback)

    def _send_later(self, callback: Callback, *, delay_seconds: float) -> None:
        self._delayed += 1
        self._timers.after(delay_seconds, partial(self._send_delayed, callback))

    def _send_delayed(self, callback: Callback) -> None:
        self._delayed -= 1
        self._send(callback)

    def _send_with_faults(self, callback: Callback) -> None:
        message, to, injector = callback.message, callback.message.to, self.injector
        if injector is not None and _is_first_of_series(callback) and injector.happens("callbacks_out_of_order", to=to):
            self._reordered[message] = []
        if message in self._reordered:
            self._reorder(callback)
        elif injector is None:
            self._send(callback)
        elif injector.happens("callback_lost", to=to):
            self.outcomes["lost"] += 1
        elif injector.happens("callback_late", to=to):
            self._send_later(callback, delay_seconds=injector.faults.callback_late_ms / 1000)
        else:
            self._send(callback)
            if injector.happens("callback_repeated", to=to):
                self._send(replace(callback))

    def _reorder(self, callback: Callback) -> None:
        """Collect a message's callbacks until its final status, then send them in reverse order."""
        collected = self._reordered[callback.message]
        collected.append(callback)
        if callback.status in FINAL_STATUSES:
            del self._reordered[callback.message]
            for place, each in enumerate(reversed(collected)):
                self._send_later(each, delay_seconds=place * REORDERED_GAP_SECONDS)

    def _done(self, callback: Callback, status: int | None) -> None:
        if status is not None and status not in RETRIED:
            self.outcomes["answered" if status < 300 else "refused"] += 1
            return
        callback.attempts += 1
        if callback.attempts >= self._options.attempts:
            self.outcomes["given_up"] += 1
            return
        self.outcomes["retried"] += 1
        backoff_seconds = self._options.backoff_ms / 1000 * 2 ** (callback.attempts - 1)
        self._send_later(callback, delay_seconds=backoff_seconds)


def _is_first_of_series(callback: Callback) -> bool:
    """Whether this is the first callback of a message that will reach a final status."""
    first = "sending" if callback.message.messaging_service_sid is None else "queued"
    outcome = OUTCOMES.get(callback.message.to)
    return callback.status == first and (outcome is None or outcome.status is not None)
