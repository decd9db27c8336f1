"""A process's line to one carrier: what was claimed flies, what becomes of it is recorded, and the worker is free for
its next job meanwhile.

So nobody waits for the slowest answer of a batch, connections stay busy between jobs, and a church with twenty members
is not held up by a turn of one with fifty thousand.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import OperationalError

import logs
from channels.base import Carrier
from channels.elapsed_time import elapsed_seconds
from jobs.job_queue.job_queue import JobQueue
from jobs.sending.deferred_claims import DeferredClaims
from jobs.sending.record_results import Answered, record_results
from messaging.retry import RetryPolicy
from messaging.submissions import Envelope, ResultKind, SubmissionResult
from store import message_lifecycle
from store.database import Database, system_scope

log = logs.get_logger(__name__)

SLICE = 500
"""Outcomes recorded together, at the most."""
SLICE_WAIT_SECONDS = 0.02
"""How long a slice waits for company: recording one by one costs twenty times as much."""
RECORD_AGAIN_SECONDS = 0.5
SHARE = 0.75
"""How much of a line one church may fill: the rest is free for the others at once."""
LEAST_SHARE = 0.25
"""A church that flies already claims again only when it may claim this much of the line: claims of a few are dear."""


@dataclass(kw_only=True, eq=False)
class Turn:
    """What one job claimed for one church. Nothing of it is submitted after `deadline` (channels.elapsed_time)."""

    church_id: UUID
    envelopes: dict[UUID, Envelope]
    request_ids: frozenset[str]
    deadline: float
    counts_by_kind: Counter[ResultKind] = field(default_factory=Counter[ResultKind])

    @property
    def is_over(self) -> bool:
        return self.counts_by_kind.total() == len(self.envelopes)


_Landing = tuple[Turn, SubmissionResult]


class Line:
    """One for each carrier of a process. Threads may share it."""

    def __init__(
        self,
        channel: str,
        carrier: Carrier,
        *,
        database: Database,
        job_queue: JobQueue,
        retry_policy: RetryPolicy,
        stopping: threading.Event,
    ) -> None:
        self.carrier = carrier
        self._channel = channel
        self._database = database
        self._job_queue = job_queue
        self._retry_policy = retry_policy
        self._stopping = stopping
        self._landed: queue.SimpleQueue[_Landing | None] = queue.SimpleQueue()
        self._changed = threading.Condition()  # of all below
        self._flying: Counter[UUID] = Counter()
        self._unrecorded = 0
        self._turns = DeferredClaims()
        self._closed = False
        self._recorder = threading.Thread(target=self._record_landings, name=f"{channel} recorder", daemon=True)
        self._recorder.start()

    def room(self, church_id: UUID) -> int:
        """How many deliveries the church may claim now; 0: none, and it is rung for when there is room."""
        with self._changed:
            room = self._room(church_id)
            if not room:
                self._turns.add(church_id)
            return room

    def flies(self, church_id: UUID) -> bool:
        """Whether something of the church is in the air."""
        with self._changed:
            return church_id in self._flying

    def launch(self, turn: Turn) -> None:
        """Submit what was claimed, and return at once.

        What the lease or the worker's end leaves no time for is handed back.
        """
        with self._changed:
            self._flying[turn.church_id] += len(turn.envelopes)
            self._unrecorded += len(turn.envelopes)
        self.carrier.submit(
            list(turn.envelopes.values()),
            may_submit=lambda: elapsed_seconds() < turn.deadline and not self._stopping.is_set(),
            on_result=lambda outcome: self._landed.put((turn, outcome)),
        )

    def record(self, landings: Sequence[tuple[Turn, SubmissionResult]]) -> None:
        """Write what landed, in one transaction; then whatever follows from it. Raises psycopg.OperationalError."""
        answers = [
            Answered(church_id=turn.church_id, envelope=turn.envelopes[outcome.delivery_id], outcome=outcome)
            for turn, outcome in landings
        ]
        refused = record_results(self._database, answers, channel=self._channel, policy=self._retry_policy)
        over = {turn for turn, _ in landings if turn.is_over}
        for turn in over:
            _report(turn, self._channel)
        at_rest = {turn.church_id for turn in over if turn.church_id not in self._flying}
        if at_rest:
            with system_scope(self._database) as connection:
                message_lifecycle.complete(connection, church_ids=sorted(at_rest))
        for church_id in refused:  # its next job fails, and is seen
            self._job_queue.enqueue_batch(channel=self._channel, church_id=church_id)

    def ring_again(self, church_id: UUID, *, after_seconds: float = 0.0) -> None:
        """The church may have more due: ring for its turn when there is room, and not before so many seconds."""
        with self._changed:
            self._turns.add(church_id, after_seconds=after_seconds)
        if after_seconds:
            self._landed.put(None)  # the recorder is to look at its watch
        else:
            self._ring_waiting()

    def settle(self) -> None:
        """Wait until what flies now has landed and is recorded, and those are rung for who then had room."""
        with self._changed:
            self._changed.wait_for(lambda: not self._unrecorded)

    def close(self) -> None:
        """Let land what flies, and record it."""
        self.settle()
        self._closed = True
        self._landed.put(None)
        self._recorder.join()
        self.carrier.close()

    def _room(self, church_id: UUID) -> int:
        flies, capacity = self._flying[church_id], self.carrier.capacity
        room = min(capacity - self._flying.total(), max(1, int(SHARE * capacity)) - flies)
        least = int(LEAST_SHARE * capacity) if flies else 1
        return room if room >= least else 0

    def _record_landings(self) -> None:
        while not self._closed:
            landings = self._next_slice()
            try:
                self._make_room(landings)
                self._ring_waiting()
                if landings:
                    self._record_surely(landings)
            except Exception:  # the thread must live: what it could not write is in doubt when its lease ends
                log.exception("outcomes cannot be recorded", channel=self._channel, outcomes=len(landings))
            finally:
                with self._changed:
                    self._unrecorded -= len(landings)
                    self._changed.notify_all()

    def _next_slice(self) -> list[_Landing]:
        """What landed, in a slice as it comes in; empty when it is time to ring."""
        landings: list[_Landing] = []
        with self._changed:
            wait = self._turns.seconds_to_next()
        try:
            landing = self._landed.get(timeout=wait)
            until = time.monotonic() + SLICE_WAIT_SECONDS
            while landing is not None:
                landings.append(landing)
                if len(landings) == SLICE:
                    break
                landing = self._landed.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            pass
        return landings

    def _make_room(self, landings: Sequence[_Landing]) -> None:
        with self._changed:
            for turn, outcome in landings:
                turn.counts_by_kind[outcome.kind] += 1
                self._flying[turn.church_id] -= 1
            for turn, _ in landings:
                if not self._flying[turn.church_id]:
                    del self._flying[turn.church_id]

    def _ring_waiting(self) -> None:
        with self._changed:
            called = self._turns.take(lambda church_id: self._room(church_id) > 0)
        for church_id in called:
            self._job_queue.enqueue_batch(channel=self._channel, church_id=church_id)

    def _record_surely(self, landings: Sequence[_Landing]) -> None:
        """Record, through a restart of PostgreSQL too: what the carrier said is known to nobody else.

        Raises psycopg.OperationalError only when the process is to end.
        """
        while True:
            try:
                return self.record(landings)
            except OperationalError as error:
                if self._stopping.is_set():
                    raise
                log.warning("outcomes cannot be recorded yet", error=type(error).__name__)
                self._stopping.wait(RECORD_AGAIN_SECONDS)


def _report(turn: Turn, channel: str) -> None:
    if turn.counts_by_kind.keys() <= {ResultKind.SENDER, ResultKind.UNSUBMITTED}:
        return  # nothing was sent; if the sender is refused, the job that is rung for says so
    with logs.bound(church_id=str(turn.church_id), channel=channel, request_ids=sorted(turn.request_ids)):
        log.info(
            "turn sent", claimed=len(turn.envelopes), **{v.value: count for v, count in turn.counts_by_kind.items()}
        )
