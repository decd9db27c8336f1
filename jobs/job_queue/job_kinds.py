"""The table of jobs: the function of each, its parameters, its timeout and its retries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A function that workers run, by the path that is written to Redis, and how RQ treats its jobs."""

    path: str
    timeout_seconds: int
    parameters: tuple[str, ...] = ()
    """The names of the function's parameters. Workers refuse other arguments (jobs/worker/job_calls.py)."""
    retry_delays_seconds: tuple[int, ...] = (2, 10, 30, 60)
    """The delay before each automatic retry of a job that failed."""
    pause_after_failure_seconds: int = 60
    """How long after a failure no job with the same arguments is enqueued, so that a job that always fails does not
    fill the list of failed jobs."""
    keep_failed_seconds: int = 7 * 24 * 3600
    """How long a failed job stays on the list of failed jobs and can be requeued."""
    buffer_seconds: float = 0.005
    """How long the API collects requests for a job after it enqueued one: one more job serves all of them."""
    per_channel: bool = False
    """Whether a periodic job is enqueued once for each channel, on the channel's queue. For jobs that wait for a
    carrier, so that they do not delay the housekeeping queue."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


TICK_FAILURE_KEPT_SECONDS = 300
"""How long a failed periodic job stays on the list of failed jobs: the clock enqueues it again anyway."""


def tick_kind(name: str, *, timeout_seconds: int, buffer_seconds: float = 0.005, per_channel: bool = False) -> JobKind:
    """A periodic job, the function `jobs.<name>.<name>`. It has no retries, because the clock enqueues it again."""
    return JobKind(
        path=f"jobs.{name}.{name}",
        timeout_seconds=timeout_seconds,
        parameters=("channel",) if per_channel else (),
        retry_delays_seconds=(),
        pause_after_failure_seconds=1,
        keep_failed_seconds=TICK_FAILURE_KEPT_SECONDS,
        buffer_seconds=buffer_seconds,
        per_channel=per_channel,
    )


EXPAND_MESSAGES = JobKind(path="jobs.expand_messages.expand_messages", timeout_seconds=120, parameters=("channel",))
SUBMIT_BATCH = JobKind(path="jobs.submit_batch.submit_batch", timeout_seconds=300, parameters=("church_id", "channel"))
SUBMIT_PACED_BATCH = tick_kind("submit_paced_batch", timeout_seconds=300, per_channel=True)
APPLY_RECEIPTS = tick_kind("apply_receipts", timeout_seconds=120, buffer_seconds=0.5)
ENQUEUE_DUE = tick_kind("enqueue_due", timeout_seconds=60)
SWEEP = tick_kind("sweep", timeout_seconds=60)
RECONCILE = tick_kind("reconcile", timeout_seconds=600, per_channel=True)
FETCH_RECEIPTS = tick_kind("fetch_receipts", timeout_seconds=600, per_channel=True)
ROLL_UP = tick_kind("roll_up", timeout_seconds=600)
PRUNE = tick_kind("prune", timeout_seconds=300)
RUN_IMPORTS = JobKind(path="jobs.run_imports.run_imports", timeout_seconds=120, retry_delays_seconds=())
PING = JobKind(
    path="jobs.ping.ping", timeout_seconds=10, parameters=("nonce",), retry_delays_seconds=(), keep_failed_seconds=60
)

JOBS = (
    EXPAND_MESSAGES,
    SUBMIT_BATCH,
    SUBMIT_PACED_BATCH,
    APPLY_RECEIPTS,
    ENQUEUE_DUE,
    SWEEP,
    RECONCILE,
    FETCH_RECEIPTS,
    ROLL_UP,
    PRUNE,
    RUN_IMPORTS,
    PING,
)
"""All jobs. Workers refuse every other function."""
