"""The job that submits what the paced churches of a channel may send now."""

from __future__ import annotations

from jobs.worker.runtime import current_runtime


def submit_paced_batch(channel: str) -> None:
    """Claim for all paced churches whose senders have tokens, in one statement, and start submitting.

    A church with a pace of one text a second would otherwise need a job every second. The dispatcher enqueues this job
    again for the time when the next sender has a token, and ends when no sender has anything due. Any number of workers
    may run it: a church that one of them is claiming for is skipped by the others. If a worker is killed, the clock
    enqueues the job again.
    """
    current_runtime().dispatcher(channel).submit_next_paced_batch()
