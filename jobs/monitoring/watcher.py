"""The thread that watches: one in each clock, one in each worker.py. A lease decides which of them checks.

While PostgreSQL is there, it holds the lease and the incidents. While it is away, Redis does. While both are away, each
watcher checks and tells by itself, so what is told cannot depend on the server that it is about.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from psycopg import OperationalError
from redis.exceptions import RedisError

import logs
from channels.elapsed_time import elapsed_seconds
from jobs.job_queue.redis_connection import open_redis
from jobs.monitoring import notice_text, notices
from jobs.monitoring.bounded_calls import BoundedCalls, CallTimedOut
from jobs.monitoring.cadence import EVERY_TEN_SECONDS, Cadence
from jobs.monitoring.incidents import Incident, IncidentBook
from jobs.monitoring.ledger import Begin, Ledger
from jobs.monitoring.outbox import Attempt, Outbox
from jobs.monitoring.progress import Progress
from jobs.monitoring.redis_fallback import RedisFallback
from jobs.monitoring.system_checks import LEDGER_CALL, LEDGER_SECONDS, REDIS_CALL, REDIS_SECONDS, SystemChecks
from jobs.monitoring.ways import configured_ways
from settings import Settings
from store.incidents import ALL_KINDS, Silence
from store.watchers import WatchingProcess

log = logs.get_logger(__name__)

_STOPPED_SECONDS = 3.0
_STOP_SECONDS = 3.0


class Watcher:
    """start() starts the thread; stop() ends it and lets another watcher take over at once."""

    def __init__(
        self,
        settings: Settings,
        *,
        process: WatchingProcess,
        progress: Progress | None = None,
        cadence: Cadence = EVERY_TEN_SECONDS,
    ) -> None:
        holder = f"{process} {socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"
        redis = open_redis(settings, timeout_seconds=2.0) if settings.enable_queues else None
        self._settings = settings
        self._progress = progress
        self._cadence = cadence
        self._calls = BoundedCalls()
        self._ledger = Ledger(settings, holder=holder, process=process, lease_seconds=cadence.lease)
        self._fallback = None if redis is None else RedisFallback(redis, holder=holder)
        self._checks = SystemChecks(
            settings,
            ledger=self._ledger,
            redis=redis,
            fallback=self._fallback,
            calls=self._calls,
            start_seconds=cadence.start,
        )
        self._outbox = Outbox(configured_ways(settings))
        self._book = IncidentBook()
        self._stored: set[UUID] = set()
        """The incidents that have a row in PostgreSQL."""
        self._kept: set[UUID] = set()
        """The incidents that are kept in Redis."""
        self._unrecorded: list[Attempt] = []
        self._silences: list[Silence] = []
        self._database_error: str | None = "not asked yet"
        self._leads = False
        self._lease_from = float("-inf")
        self._next_round_at = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)
        self._ledger.close()

    def _run(self) -> None:
        while not self._stopping.wait(self._cadence.step):
            try:
                self._step()
            except Exception:  # the watcher must go on
                log.exception("the watcher failed")
                self._next_round_at = elapsed_seconds() + self._cadence.check
        self._end()

    def _end(self) -> None:
        """Record the notices that are under way, for a moment, and release the lease."""
        until = elapsed_seconds() + _STOP_SECONDS / 2
        while self._outbox.is_sending and elapsed_seconds() < until:
            time.sleep(_STOP_SECONDS / 100)
        self._unrecorded += self._outbox.take_ended()
        self._record_attempts()
        self._release_lease()

    def _step(self) -> None:
        if elapsed_seconds() >= self._next_round_at:
            began = elapsed_seconds()
            self._next_round_at = began + self._round()
        self._unrecorded += self._outbox.take_ended()
        self._record_attempts()
        if self._leads:
            self._send_notices()

    # One round

    def _round(self) -> float:
        """Check, if this watcher holds the lease. Returns in how many seconds, from its beginning, the next is due."""
        self._leads = self._begin()
        if not self._leads:
            self._book.forget_streaks()
            self._store()
            return self._cadence.standby
        checks, kept = self._checks.run(database_error=self._database_error)
        now = datetime.now(UTC)
        self._adopt(kept)
        open_before = self._book.open_incidents()
        self._book.apply(checks, now)
        self._log_changes({incident.incident_id for incident in open_before.values()})
        self._plan_notices(now)
        self._book.forget_old(now)
        self._stored &= self._book.incidents.keys()
        self._store()
        return self._cadence.suspicion if self._book.has_suspicion else self._cadence.check

    def _begin(self) -> bool:
        """Take the lease and load what is known. Returns whether this watcher checks."""
        is_at_work, asked_at = self._progress is None or self._progress.is_at_work, elapsed_seconds()
        try:
            begin = self._calls.call(
                LEDGER_CALL, partial(self._ledger.begin_round, is_at_work=is_at_work), seconds=LEDGER_SECONDS
            )
        except (OperationalError, CallTimedOut) as error:
            if elapsed_seconds() - asked_at > LEDGER_SECONDS + _STOPPED_SECONDS:
                return False  # this process was stopped meanwhile: that says nothing about PostgreSQL
            self._note_database_error(type(error).__name__)
            return self._begin_without_ledger()
        self._note_database_error(None)
        self._take_over(begin)
        self._lease_from = asked_at
        return begin.holds_lease

    def _begin_without_ledger(self) -> bool:
        """Redis decides; without Redis too, every watcher checks."""
        self._lease_from = elapsed_seconds()
        if self._fallback is None:
            return True
        try:
            take = partial(self._fallback.take_lease, seconds=self._cadence.lease)
            return self._calls.call(REDIS_CALL, take, seconds=REDIS_SECONDS)
        except (RedisError, CallTimedOut):
            self._lease_from = elapsed_seconds()
            return True

    def _take_over(self, begin: Begin) -> None:
        self._silences = begin.silences
        self._stored |= {incident.incident_id for incident in begin.incidents}
        self._book.merge_stored(begin.incidents)

    def _adopt(self, kept: Iterable[Incident]) -> None:
        """Take over incidents that another watcher kept in Redis, unless the same ones are open already."""
        opened, surplus = self._book.open_incidents(), list[UUID]()
        for incident in kept:
            if incident.incident_id in self._book.incidents:
                continue
            if incident.recovered_at is None and incident.key in opened:
                surplus.append(incident.incident_id)
            else:
                self._book.replace(incident)
        self._kept |= {incident.incident_id for incident in kept}
        self._remove_kept(surplus)

    def _plan_notices(self, now: datetime) -> None:
        silent = {silence.kind for silence in self._silences if silence.silent_until > now}
        for incident in list(self._book.incidents.values()):
            ways = () if silent & {ALL_KINDS, incident.kind.name} else self._outbox.way_names
            planned = notices.with_due_notices(incident.notices, recovered_at=incident.recovered_at, ways=ways, now=now)
            if planned != incident.notices:
                self._book.replace(replace(incident, notices=planned))

    # Notices

    def _send_notices(self) -> None:
        """Begin what is due. Each attempt is stored before it begins, if anything can be stored."""
        for way in self._outbox.way_names:
            now = datetime.now(UTC)
            found = self._outbox.next_notice(way, list(self._book.incidents.values()), now)
            if found is None:
                continue
            incident, notice = found
            begun = notice.begun(now)
            self._book.replace(replace(incident, notices=notices.replaced(incident.notices, begun)))
            self._store()
            stored = self._book.incidents.get(incident.incident_id)
            if stored is None or not self._holds_lease:  # another watcher tells it
                continue
            text = notice_text.compose(stored, begun.phase, public_url=self._settings.public_url, now=now)
            self._outbox.send(stored, begun, text, began_at=now)

    @property
    def _holds_lease(self) -> bool:
        """By this machine's clock, so that a process that was stopped for a while does nothing as if it still led."""
        return elapsed_seconds() - self._lease_from < self._cadence.lease

    def _record_attempts(self) -> None:
        """Write the results. One of an incident that another watcher has changed waits until it is loaded again."""
        for attempt in list(self._unrecorded):
            incident = self._book.incidents.get(attempt.incident_id)
            if incident is None:
                continue
            now = datetime.now(UTC)
            latest = notices.find(incident.notices, attempt.notice.phase, attempt.notice.way) or attempt.notice
            done = latest.arrived(attempt.began_at) if attempt.error is None else latest.failed(attempt.error, now)
            self._book.replace(replace(incident, notices=notices.replaced(incident.notices, done)))
            self._plan_notices(now)
            self._store()
            if attempt.incident_id in self._book.incidents:
                self._unrecorded.remove(attempt)
                _log_attempt(incident, attempt)
        del self._unrecorded[:-100]  # of incidents that nobody has any more

    # Storing

    def _store(self) -> None:
        """Store what has changed: in PostgreSQL, or in Redis while that is away, or later."""
        changed = [self._book.incidents[incident_id] for incident_id in self._book.changed]
        if not changed:
            return
        if self._database_error is not None:
            self._keep(changed)
            return
        try:
            store = partial(self._ledger.store, changed, stored=set(self._stored))
            written, superseded = self._calls.call(LEDGER_CALL, store, seconds=LEDGER_SECONDS)
        except (OperationalError, CallTimedOut) as error:
            self._note_database_error(type(error).__name__)
            self._keep(changed)
            return
        for incident in written:
            self._book.incidents[incident.incident_id] = incident
            self._stored.add(incident.incident_id)
        for incident_id in superseded:
            self._book.forget(incident_id)
        done = {incident.incident_id for incident in written} | set(superseded)
        self._book.changed -= done
        self._remove_kept(done)

    def _keep(self, changed: list[Incident]) -> None:
        if self._fallback is None or not self._leads:
            return
        with suppress(RedisError, CallTimedOut):
            self._calls.call(REDIS_CALL, partial(self._fallback.keep, changed), seconds=REDIS_SECONDS)
            self._kept |= {incident.incident_id for incident in changed}

    def _remove_kept(self, incident_ids: Iterable[UUID]) -> None:
        ids = self._kept & set(incident_ids)
        if self._fallback is None or not ids:
            return
        with suppress(RedisError, CallTimedOut):
            self._calls.call(REDIS_CALL, partial(self._fallback.remove, ids), seconds=REDIS_SECONDS)
            self._kept -= ids

    def _release_lease(self) -> None:
        if not self._leads:
            return
        with suppress(OperationalError, RedisError, CallTimedOut):
            if self._database_error is None:
                self._calls.call(LEDGER_CALL, self._ledger.release_lease, seconds=1.0)
            elif self._fallback is not None:
                self._calls.call(REDIS_CALL, self._fallback.release_lease, seconds=1.0)

    # Logging

    def _note_database_error(self, error: str | None) -> None:
        if error is not None and self._database_error != error:
            log.warning("the watcher cannot use PostgreSQL", error=error)
        self._database_error = error

    def _log_changes(self, open_before: set[UUID]) -> None:
        for incident in self._book.incidents.values():
            fields = {"kind": incident.kind.name, "subject": incident.subject, "summary": incident.summary}
            if incident.recovered_at is None and incident.incident_id not in open_before:
                log.warning("incident opened", runbook=incident.kind.section, **fields)
            elif incident.recovered_at is not None and incident.incident_id in open_before:
                log.warning("incident recovered", **fields)


def _log_attempt(incident: Incident, attempt: Attempt) -> None:
    fields = {"kind": incident.kind.name, "phase": attempt.notice.phase.value, "way": attempt.notice.way}
    if attempt.error is None:
        log.info("notice told", **fields)
    else:
        log.warning("notice not told", error=attempt.error, attempts=attempt.notice.attempts, **fields)
