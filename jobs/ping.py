"""The job with which `flask check-redis` tests that workers run jobs."""

from __future__ import annotations


def ping(nonce: str) -> str:
    """Return the nonce. As the job's result it proves that a worker ran this job."""
    return nonce
