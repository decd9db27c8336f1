"""Timers for hundreds of thousands of tasks: tasks that are due within the same few milliseconds share one."""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from heapq import heappop, heappush

SLOT_SECONDS = 0.005
"""The resolution. A task runs up to this much late, never early."""

BATCH_SIZE = 2_000
"""How many tasks run before the event loop handles requests again."""

Task = Callable[[], None]


class Timers:
    """Runs tasks after a delay, in the order in which they are due, in batches."""

    __slots__ = ("_armed_for", "_heap", "_loop", "_slots", "_timer")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[Task]] = {}
        self._heap: list[int] = []
        self._timer: TimerHandle | None = None
        self._armed_for = 0

    def after(self, delay_seconds: float, task: Task) -> None:
        """Run `task` once, `delay_seconds` from now."""
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
        """Delete every task that has not run."""
        self._slots.clear()
        self._heap.clear()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = self._heap[0]
        self._timer = self._loop.call_at(self._armed_for * SLOT_SECONDS, self._run_due)

    def _run_due(self) -> None:
        self._timer = None
        now = int(self._loop.time() / SLOT_SECONDS)
        left = BATCH_SIZE
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
