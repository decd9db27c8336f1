"""The job that submits what the paced churches of a channel may send now."""

from __future__ import annotations

from jobs.worker.runtime import current_runtime


def submit_paced_batch(channel: str) -> None:
    """Claim for the paced churches whose senders have a token, in one transaction, and start submitting.

    1. When a message is expanded, its sender gets the time of its next claim (`next_claim_at`); this job is enqueued.
    2. The job claims for the senders whose time has come: as many deliveries of each as it has tokens, usually one. The
       claim sets their next time, or NULL for those that have nothing due.
    3. The dispatcher enqueues the job again for the next sender's time, from a timer of its process.
    4. It stops when no sender waits. Each second the clock sets the time of senders that have something due again, and
       enqueues the job if a sender's time has passed: so nothing is lost when a worker is killed or Redis emptied.

    Any number of workers may run it at once: each skips the senders that another has locked.
    """
    current_runtime().dispatcher(channel).submit_next_paced_batch()
