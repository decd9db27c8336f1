"""Timers by the hundred thousand: what falls due within the same few milliseconds shares one timer."""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from heapq import heappop, heappush

SLOT_SECONDS = 0.005
"""How finely time is cut. A task runs up to this much late, never early."""

TASKS_PER_TURN = 2_000
"""How many tasks run before the loop is let go: a long queue must not keep requests waiting."""

Task = Callable[[], None]


class Wheel:
    """Runs tasks after a delay, in the order in which they fall due, in batches."""

    __slots__ = ("_armed_for", "_heap", "_loop", "_slots", "_timer")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[Task]] = {}
        self._heap: list[int] = []
        self._timer: TimerHandle | None = None
        self._armed_for = 0

    def after(self, delay_seconds: float, task: Task) -> None:
        """Have `task` run once, `delay_seconds` from now."""
        slot = int((self._loop.time() + delay_seconds) / SLOT_SECONDS) + 1
        tasks = self._slots.get(slot)
        if tasks is None:
            self._slots[slot] = [task]
            heappush(self._heap, slot)
            if self._timer is None or slot < self._armed_for:
                self._arm()
        else:
            tasks.append(task)

    def clear(self) -> None:
        """Forget every task that has not run."""
        self._slots.clear()
        self._heap.clear()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = self._heap[0]
        self._timer = self._loop.call_at(self._armed_for * SLOT_SECONDS, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = int(self._loop.time() / SLOT_SECONDS)
        left = TASKS_PER_TURN
        while self._heap and self._heap[0] <= now and left > 0:
            slot = self._heap[0]
            tasks = self._slots[slot]
            batch, rest = tasks[:left], tasks[left:]
            left -= len(batch)
            if rest:
                self._slots[slot] = rest
            else:
                heappop(self._heap)
                del self._slots[slot]
            for task in batch:
                task()
        if self._heap:
            self._arm()
