"""Workers measure what they do: results of submissions, how long the carrier and jobs take, and how old deliveries are."""

from __future__ import annotations

from uuid import UUID

import pytest
from redis import Redis

from jobs.job_queue.inline_job_queue import InlineJobQueue
from jobs.job_queue.job_kinds import SWEEP
from jobs.job_queue.redis_job_queue import RedisJobQueue
from settings import Settings
from store import metrics
from store.database import Database, system_scope
from tests.integration.jobs.conftest import RunWorker, compose
from tools.sandbox.control import Sandbox


def totals(database: Database, name: str) -> dict[tuple[str, ...], float]:
    """The values by the label values, in the order of the label names."""
    with system_scope(database) as connection:
        return {
            tuple(value for _, value in sorted(total.labels.items())): total.value
            for total in metrics.totals(connection, name)
        }


def count(database: Database, name: str) -> dict[tuple[str, ...], float]:
    """The number of observations of a histogram, without the bucket's bound."""
    counts: dict[tuple[str, ...], float] = {}
    with system_scope(database) as connection:
        for total in metrics.totals(connection, f"{name}_bucket"):
            labels = tuple(value for label, value in sorted(total.labels.items()) if label != "le")
            counts[labels] = counts.get(labels, 0) + total.value
    return counts
