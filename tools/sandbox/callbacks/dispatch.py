"""From a new status to a callback: mislaid, doubled, delayed, shuffled or held back if that is wanted."""

from asyncio import AbstractEventLoop
from collections import Counter, deque
from dataclasses import replace
from functools import partial

from tools.sandbox.callbacks.callback import Callback, Writer
from tools.sandbox.callbacks.manners import Manners
from tools.sandbox.callbacks.pool import Pool
from tools.sandbox.faults.dice import Dice
from tools.sandbox.messages.magic_numbers import FATES
from tools.sandbox.messages.message import FINAL_STATUSES, Message
from tools.sandbox.wheel import Wheel

SHUFFLED_APART_SECONDS = 0.03
"""Between callbacks sent in the wrong order: so far apart that they arrive in it."""

RELEASED_AT_ONCE = 1_000

RETRIED = frozenset((429, *range(500, 600)))
"""Answers after which a callback is made again."""


class Dispatch:
    """Makes the callbacks of all messages."""

    def __init__(self, *, loop: AbstractEventLoop, wheel: Wheel, writer: Writer, manners: Manners) -> None:
        self._loop = loop
        self._wheel = wheel
        self._writer = writer
        self._manners = manners
        self._pools: dict[str, Pool] = {}
        self._held: deque[Callback] = deque()
        self._shuffled: dict[Message, list[Callback]] = {}
        self._delayed = 0
        self.holds = False
        self.dice: Dice | None = None
        self.outcomes: Counter[str] = Counter()

    def tell(self, message: Message) -> None:
        """Make the callback for the status that a message has just reached, if it wants any."""
        if message.status_callback is None:
            return
        callback = Callback(
            message=message,
            url=message.status_callback,
            status=message.status,
            error_code=message.error_code,
        )
        if self.dice is None and not self._shuffled:
            self._send(callback)
        else:
            self._send_with_faults(callback)

    def hold(self) -> None:
        """Keep every callback back from now on."""
        self.holds = True

    def release(self) -> None:
        """Let callbacks go again, those held back first."""
        self.holds = False
        self._let_go()

    def _let_go(self) -> None:
        """Send what was held back, some at a time: it may be millions."""
        for _ in range(min(RELEASED_AT_ONCE, len(self._held))):
            if self.holds:
                return
            self._send(self._held.popleft())
        if self._held:
            self._loop.call_soon(self._let_go)

    def forget(self) -> None:
        """Drop every callback that has not left."""
        self._held.clear()
        self._shuffled.clear()
        self._delayed = 0
        self.outcomes.clear()
        for pool in self._pools.values():
            pool.waiting.clear()

    def counts(self) -> dict[str, int]:
        """How many callbacks were answered, lost, made again, given up, and are still to come."""
        return {
            **{name: self.outcomes[name] for name in ("answered", "refused", "retried", "given_up", "lost")},
            "held": len(self._held),
            "waiting": self._delayed
            + sum(map(len, self._shuffled.values()))
            + sum(len(pool.waiting) + pool.under_way for pool in self._pools.values()),
        }

    def _send(self, callback: Callback) -> None:
        if self.holds:
            self._held.append(callback)
            return
        origin = callback.origin
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(
                origin, loop=self._loop, writer=self._writer, manners=self._manners, on_done=self._done
            )
        pool.submit(callback)

    def _send_later(self, callback: Callback, *, delay_seconds: float) -> None:
        self._delayed += 1
        self._wheel.after(delay_seconds, partial(self._send_delayed, callback))

    def _send_delayed(self, callback: Callback) -> None:
        self._delayed -= 1
        self._send(callback)

    def _send_with_faults(self, callback: Callback) -> None:
        message, to, dice = callback.message, callback.message.to, self.dice
        if dice is not None and _begins_a_series(callback) and dice.happens("callbacks_out_of_order", to=to):
            self._shuffled[message] = []
        if message in self._shuffled:
            self._shuffle(callback)
        elif dice is None:
            self._send(callback)
        elif dice.happens("callback_lost", to=to):
            self.outcomes["lost"] += 1
        elif dice.happens("callback_late", to=to):
            self._send_later(callback, delay_seconds=dice.faults.callback_late_ms / 1000)
        else:
            self._send(callback)
            if dice.happens("callback_repeated", to=to):
                self._send(replace(callback))

    def _shuffle(self, callback: Callback) -> None:
        """Keep a message's callbacks until its last, then send them last first."""
        kept = self._shuffled[callback.message]
        kept.append(callback)
        if callback.status in FINAL_STATUSES:
            del self._shuffled[callback.message]
            for place, late in enumerate(reversed(kept)):
                self._send_later(late, delay_seconds=place * SHUFFLED_APART_SECONDS)

    def _done(self, callback: Callback, status: int | None) -> None:
        if status is not None and status not in RETRIED:
            self.outcomes["answered" if status < 300 else "refused"] += 1
            return
        callback.attempts += 1
        if callback.attempts >= self._manners.attempts:
            self.outcomes["given_up"] += 1
            return
        self.outcomes["retried"] += 1
        backoff_seconds = self._manners.backoff_ms / 1000 * 2 ** (callback.attempts - 1)
        self._send_later(callback, delay_seconds=backoff_seconds)


def _begins_a_series(callback: Callback) -> bool:
    """Whether this is the first callback of a message that will reach a last status."""
    first = "sending" if callback.message.messaging_service_sid is None else "queued"
    fate = FATES.get(callback.message.to)
    return callback.status == first and (fate is None or fate.status is not None)
