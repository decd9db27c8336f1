"""RQ's worker, limited to our own jobs. No content of Redis makes it exit."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, cast

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import InvalidJobOperation, NoSuchJobError, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now

import logs
from jobs.worker.checked_job import CheckedJob, CheckedQueue
from jobs.worker.failures import FixableFailure
from jobs.worker.measure_jobs import measure_job
from metrics.measurements import Measurements

log = logs.get_logger(__name__)

WORKER_TTL_SECONDS = 30
"""RQ keeps the entry of a worker that was killed while it started for a minute more than this."""
DEQUEUE_SECONDS = 3
"""How long a worker waits for a job in one command. It must be shorter than the timeout of every connection."""
HEARTBEAT_SECONDS = 5.0
GONE_AFTER_SECONDS = 20
"""A worker that was killed is removed from the list of workers after this, whether it was busy or not."""
ABANDONED_AFTER_SECONDS = 60
"""Its current job counts as abandoned after this."""

_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class CheckedWorker(SimpleWorker):
    """Sets `stopping` when a stop is requested, so that the current job can end; reconnects soon after Redis is back.

    RQ's SimpleWorker sends no heartbeat while a job runs, so its entry in Redis must outlive the longest job. Here a
    thread renews the entry, which expires soon after the process ends.
    """

    max_connection_wait_time = 2.0
    heartbeat_seconds = HEARTBEAT_SECONDS
    gone_after_seconds = GONE_AFTER_SECONDS

    def __init__(self, redis: Redis, name: str, *, stopping: threading.Event, measurements: Measurements) -> None:
        super().__init__(
            [CheckedQueue(name, connection=redis)],
            connection=redis,
            serializer=JSONSerializer,
            job_class=CheckedJob,
            queue_class=CheckedQueue,
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=10,
            job_monitoring_interval=5,
            log_job_description=False,
        )
        self._stopping = stopping
        self._measurements = measurements
        self._current: tuple[Job, Execution] | None = None
        self._ended = threading.Event()
        self._heartbeat_thread = threading.Thread(target=self._send_heartbeats, name="worker heartbeat", daemon=True)

    @property
    def dequeue_timeout(self) -> int:
        return DEQUEUE_SECONDS

    @property
    def connection_timeout(self) -> int:
        """The least timeout that RQ sets for new connections. Those that are open already keep theirs."""
        return DEQUEUE_SECONDS

    # What may run

    def execute_job(self, job: Job, queue: Queue) -> None:
        if isinstance(job, CheckedJob) and job.refusal is None:
            super().execute_job(job, queue)
        elif isinstance(job, CheckedJob):
            log.warning("refused a job that is not ours", job_id=job.id, queue=queue.name, reason=job.refusal)
            job.fail_as_refused(queue)

    def run_maintenance_tasks(self) -> None:
        """Content of Redis that cannot be read does not stop the worker."""
        try:
            super().run_maintenance_tasks()
        except (StopRequested, RedisConnectionError, RedisTimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - Redis may contain anything
            log.warning("RQ's maintenance failed", queue=self.queue_names()[0], error=repr(error))
            self.last_cleaned_at = now()

    def clean_group_registries(self) -> None:
        """Our jobs have no groups."""

    def subscribe(self) -> None:
        """Our workers accept no commands through Redis, only the supervisor's signals."""

    # Heartbeats

    def bootstrap(self, *arguments: Any, **options: Any) -> None:
        super().bootstrap(*arguments, **options)
        self._heartbeat_thread.start()

    def teardown(self) -> None:
        """Also works without Redis; the worker's entry then expires."""
        self._ended.set()
        if self._heartbeat_thread.is_alive():
            self._heartbeat_thread.join()
        with suppress(RedisError):
            super().teardown()

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:  # noqa: ARG002 - ours is shorter
        super().heartbeat(self.gone_after_seconds, pipeline)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 - however long it runs
        return ABANDONED_AFTER_SECONDS

    def _send_heartbeats(self) -> None:
        while not self._ended.wait(self.heartbeat_seconds):
            with suppress(RedisError):
                self._renew_entry()

    def _renew_entry(self) -> None:
        current = self._current
        if current is None:
            self.heartbeat()
        else:
            self.maintain_heartbeats(*current)
        with self.connection.pipeline() as pipeline:  # Redis may have been emptied
            pipeline.hset(self.key, mapping=cast(Any, self.serialize()))
            pipeline.hsetnx(self.key, "state", self.get_state())
            worker_registration.register(self, pipeline)
            pipeline.expire(self.key, self.gone_after_seconds)
            pipeline.execute()

    # The end of a job

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        self._current = (job, execution)
        began, succeeded = time.perf_counter(), False
        try:
            succeeded = super().perform_job(job, queue, execution)
            return succeeded
        finally:
            self._current = None
            measure_job(self._measurements, job.func_name, began=began, succeeded=succeeded)

    def handle_job_success(self, job: Job, queue: Queue, *arguments: Any, **options: Any) -> None:
        """Raises redis.exceptions.RedisError."""
        try:
            super().handle_job_success(job, queue, *arguments, **options)
        except (InvalidJobOperation, NoSuchJobError, ValueError):
            if self.connection.hexists(job.key, "data"):
                raise
            self._forget(job)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log one line for a FixableFailure, RQ's traceback for others."""
        if isinstance(exc_info[1], FixableFailure):
            log.warning(exc_info[1].event, job_id=job.id, queue=job.origin, **exc_info[1].fields)
        else:
            super().handle_exception(job, *exc_info)

    def _finalize_failure(self, job: Job, queue: Queue, execution: Execution, exc_info: _ExcInfo) -> None:
        if isinstance(exc_info[1], FixableFailure):  # among the failed jobs, too, it is shown without a traceback
            exc_info = (exc_info[0], exc_info[1], None)
        super()._finalize_failure(job, queue, execution, exc_info)

    def _forget(self, job: Job) -> None:
        """Clean up after a job that succeeded although Redis was emptied while it ran, so that RQ's entry is gone."""
        log.info("Redis was emptied while a job ran", job_id=job.id, queue=job.origin)
        self.executions.clear()
        self.connection.delete(job.key)

    # Stopping

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """The signal handler. Raises SystemExit unless a job runs.

        RQ would raise StopRequested, an Exception. When the signal arrives while the worker logs, logging catches it,
        and the signal is lost.
        """
        self._stopping.set()
        try:
            super().request_stop(signum, frame)
        except StopRequested:
            raise SystemExit from None

    def set_shutdown_requested_date(self) -> None:
        """The date is only shown to operators. This is called during a job, which must not fail without Redis."""
        with suppress(RedisError):
            super().set_shutdown_requested_date()
