"""Counters that outlive processes: what every process measured, and the changes that triggers count."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from metrics.measurements import Measured
from store import sql

_SQL = sql.load("metrics")


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricTotal:
    """One series of a counter, or one bucket or the sum of a histogram. It never decreases."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedTotal(MetricTotal):
    """One of the totals of all counters."""

    name: str


def add(connection: Connection[Any], measured: Sequence[Measured]) -> None:
    """Add to the counters. Waits for no other transaction."""
    connection.execute(
        _SQL["add_changes"],
        {
            "names": [each.name for each in measured],
            "labels": [json.dumps(dict(each.labels)) for each in measured],
            "values": [each.value for each in measured],
        },
    )


def fold(connection: Connection[Any], *, limit: int) -> int:
    """Add up to `limit` changes up, so that reading stays cheap, and return how many rows of totals were written."""
    return connection.execute(_SQL["fold_changes"], {"row_limit": limit}).rowcount


def totals(connection: Connection[Any], name: str) -> list[MetricTotal]:
    """Returns the counter's series. A name of metrics/definitions.py; of a histogram, with `_bucket` or `_sum`.

    A bucket counts only what lies between its bound `le` and the one before.
    """
    return [MetricTotal(labels=total.labels, value=total.value) for total in _totals(connection, name)]


def all_totals(connection: Connection[Any]) -> list[NamedTotal]:
    """Returns the series of all counters and histograms."""
    return _totals(connection, None)


def _totals(connection: Connection[Any], name: str | None) -> list[NamedTotal]:
    with connection.cursor(row_factory=class_row(NamedTotal)) as cursor:
        found = cursor.execute(_SQL["totals"], {"name": name}).fetchall()
    # Not by the query: PostgreSQL compares documents far more slowly than it hashes them.
    return sorted(found, key=lambda total: (total.name, *total.labels.values()))
