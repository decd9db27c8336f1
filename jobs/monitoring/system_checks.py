"""Everything that a watcher checks in one round. What stands still costs its own time limit and stops nothing else."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from psycopg import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from channels.elapsed_time import elapsed_seconds
from channels.operator_messages import reachability_checks
from jobs.job_queue.queues import enabled_queues
from jobs.monitoring import carrier_checks, counter_checks, database_checks, process_checks, redis_checks
from jobs.monitoring.alert_kinds import CLOCK_LATE, POSTGRESQL_DOWN, REDIS_DOWN, WORKER_MISSING
from jobs.monitoring.bounded_calls import BoundedCalls, CallTimedOut
from jobs.monitoring.carrier_checks import CarrierChecks
from jobs.monitoring.counter_checks import SAMPLE_EVERY_SECONDS, Counters
from jobs.monitoring.findings import Check, Finding, check
from jobs.monitoring.incidents import Incident
from jobs.monitoring.ledger import Ledger, Measured
from jobs.monitoring.redis_checks import RedisState
from jobs.monitoring.redis_fallback import RedisFallback
from settings import Settings
from store.watchers import Watcher

LEDGER_SECONDS = 8.0
"""How long a transaction may take until it counts as not answered."""
REDIS_SECONDS = 5.0

LEDGER_CALL = "postgresql"
REDIS_CALL = "redis"


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisRound:
    state: RedisState
    kept: list[Incident]
    """Incidents that were kept in Redis while PostgreSQL was away."""


class SystemChecks:
    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Ledger,
        redis: Redis | None,
        fallback: RedisFallback | None,
        calls: BoundedCalls,
        start_seconds: float,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._redis = redis
        self._fallback = fallback
        self._calls = calls
        self._start_seconds = start_seconds
        self._queues = enabled_queues(settings)
        self._carriers = CarrierChecks(reachability_checks(settings, seconds=carrier_checks.SECONDS))
        self._started_at = elapsed_seconds()
        self._sampled_at = float("-inf")
        self._channels_without_reply: list[str] = []

    def run(self, *, database_error: str | None) -> tuple[list[Check], list[Incident]]:
        """Return all checks that were possible, and the incidents that were kept in Redis.

        `database_error` names the failure of PostgreSQL in this round, if it failed already.
        """
        measured, database_error = self._measure_ledger(database_error)
        redis_round, redis_error = self._measure_redis()
        checks = [check(POSTGRESQL_DOWN, _down("PostgreSQL", database_error))]
        if self._redis is not None:
            checks.append(check(REDIS_DOWN, _down("Redis", redis_error)))
        if redis_round is not None:
            checks += redis_checks.judge(redis_round.state, self._settings)
        if measured is not None:
            checks += database_checks.judge(measured.database, self._settings)
        checks += self._judge_counters(measured, None if redis_round is None else redis_round.state)
        checks += self._judge_processes(measured, redis_round)
        if elapsed_seconds() - self._started_at < self._start_seconds:
            checks = [each for each in checks if each.kind not in (CLOCK_LATE, WORKER_MISSING)]
        return checks, redis_round.kept if redis_round else []

    def _measure_ledger(self, error: str | None) -> tuple[Measured | None, str | None]:
        if error is not None:
            return None, error
        try:
            measure = partial(self._ledger.measure, with_submissions=self._is_sample_due)
            return self._calls.call(LEDGER_CALL, measure, seconds=LEDGER_SECONDS), None
        except (OperationalError, CallTimedOut) as failure:
            return None, type(failure).__name__

    def _measure_redis(self) -> tuple[RedisRound | None, str | None]:
        if self._redis is None or self._fallback is None:
            return None, None
        try:
            return self._calls.call(
                REDIS_CALL, partial(self._read_redis, self._redis, self._fallback), seconds=REDIS_SECONDS
            ), None
        except (RedisError, CallTimedOut) as failure:
            return None, type(failure).__name__

    def _read_redis(self, redis: Redis, fallback: RedisFallback) -> RedisRound:
        state = redis_checks.measure(redis, self._queues)
        return RedisRound(state=redis_checks.with_connection_limit(state, redis), kept=fallback.load())

    def _judge_counters(self, measured: Measured | None, redis: RedisState | None) -> list[Check]:
        """Also stores a sample now and then."""
        now = Counters(
            submissions=None if measured is None else measured.submissions,
            evicted_keys=None if redis is None else redis.evicted_keys,
            redis_run_id=None if redis is None else redis.run_id,
        )
        if measured is None:
            return [self._carriers.judge(self._channels_without_reply)]
        if measured.submissions is not None:
            self._channels_without_reply = counter_checks.channels_without_reply(now, measured.samples)
        checks = [
            self._carriers.judge(self._channels_without_reply),
            counter_checks.judge_evictions(now, measured.samples),
            counter_checks.judge_carrier_errors(now, measured.samples, self._settings.alert_carrier_errors_percent),
        ]
        self._store_sample(now)
        return [each for each in checks if each is not None]

    def _store_sample(self, counters: Counters) -> None:
        if not self._is_sample_due:
            return
        try:
            self._calls.call(LEDGER_CALL, partial(self._ledger.add_sample, counters.to_json()), seconds=LEDGER_SECONDS)
        except (OperationalError, CallTimedOut):
            return  # the next round reports PostgreSQL
        self._sampled_at = elapsed_seconds()

    @property
    def _is_sample_due(self) -> bool:
        """Only then are the submissions of all workers added up: the sum may take longer than all other queries."""
        return elapsed_seconds() - self._sampled_at >= SAMPLE_EVERY_SECONDS

    def _judge_processes(self, measured: Measured | None, redis: RedisRound | None) -> list[Check]:
        settings = self._settings
        watchers: Sequence[Watcher] = measured.watchers if measured else self._watchers_without_ledger()
        checks = [process_checks.judge_disks(watchers, settings.alert_disk_percent)]
        clocks: list[Check] = []
        if measured is not None:
            clocks.append(process_checks.judge_clock_by_watchers(watchers, settings.alert_clock_seconds))
        if redis is not None:
            late = redis.state.ticks_late_seconds
            clocks.append(process_checks.judge_clock_by_ticks(late, settings.alert_clock_seconds))
        if clocks:
            checks.append(next((each for each in clocks if each.findings), clocks[0]))
        if measured is None:  # other hosts are unknown
            checks[0] = Check(kind=checks[0].kind, findings=checks[0].findings, is_complete=False)
        return checks

    def _watchers_without_ledger(self) -> list[Watcher]:
        used = process_checks.disk_used_percent(Path.cwd())
        return [Watcher(process="worker", host=socket.gethostname(), seen_seconds_ago=0.0, disk_used_percent=used)]


def _down(server: str, error: str | None) -> Finding | None:
    return None if error is None else Finding(summary=f"{server} does not answer ({error})", facts={"error": error})
