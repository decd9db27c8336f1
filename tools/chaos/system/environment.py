"""The environment of the programs in a run. Times that are minutes in production are seconds here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

LEASE_SECONDS = 5.0
"""A claimed delivery is at the carrier within this time, or not at all."""
_SHORT_TIMES = {
    "LEASE_SECONDS": f"{LEASE_SECONDS:g}",
    "CARRIER_TIMEOUT_SECONDS": "2",
    "SMTP_TIMEOUT_SECONDS": "2",
    "RECONCILE_FIRST_SECONDS": "1",
    "RECONCILE_READS": "3",
    "RECONCILE_SECONDS": "5",
    "RECEIPT_AFTER_SECONDS": "5",
    # Small batches: many claims, and each is a chance to kill a worker.
    "BATCH_SIZE": "100",
    "CARRIER_CONNECTIONS": "100",
    "RETRY_LIMIT": "20",
}


def bare_environment(folder: Path) -> Mapping[str, str]:
    """What Python needs, and nothing of our own environment: a setting in it would change the run."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder),
    }


def make_environment(
    folder: Path, *, database_url: str, redis_url: str, carrier_url: str, smtp_url: str, api_url: str, secret: str
) -> dict[str, str]:
    """The environment of the API, the workers and the clocks."""
    return {
        **bare_environment(folder),
        **_SHORT_TIMES,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_BASE_URL": carrier_url,
        "MEDIA_ALLOW_PRIVATE": "true",
        "SMTP_URL": smtp_url,
        "SECRET_KEY": secret,
        "PUBLIC_URL": api_url,
        "PORT": api_url.rpartition(":")[2],
        "WEB_CONCURRENCY": "2",
    }
