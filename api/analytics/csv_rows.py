"""The rows of reports in CSV. Several currencies are in one cell, separated by `;`, in the order of their amounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.csv_table import Cell, CsvTable
from messaging.states import Status

if TYPE_CHECKING:
    from api.analytics.responses import AnalyticsItem, Usage
    from api.costs import Cost

ANALYTICS_HEADINGS = (
    *("day", "channel", "messageId", "sendAt", "messages", "audience"),
    *(status.value for status in Status),
    *("reasons", "segments", "cost", "currency", "unpricedSegments", "p50Seconds", "p95Seconds", "optOuts"),
    *("final", "rolledUpAt"),
)
USAGE_HEADINGS = (
    *("month", "channel", "messages", "deliveries", "segments", "cost", "currency", "unpricedSegments"),
    *("final", "rolledUpAt"),
)


def analytics_table(items: Iterable[AnalyticsItem]) -> CsvTable:
    return CsvTable(headings=ANALYTICS_HEADINGS, rows=[_analytics_row(item) for item in items])


def usage_table(usage: Usage) -> CsvTable:
    """Return one row for each channel in each month."""
    rows: list[Sequence[Cell]] = [
        (
            *(month.month, channel.channel, channel.messages, channel.deliveries, channel.segments),
            *costs(channel.costs),
            *(channel.unpriced_segments, month.final, shown_time(month.rolled_up_at)),
        )
        for month in usage.months
        for channel in month.channels
    ]
    return CsvTable(headings=USAGE_HEADINGS, rows=rows)


def costs(found: Sequence[Cost]) -> tuple[str, str]:
    """Return the cells of the amounts and of their currencies."""
    return ";".join(cost.amount for cost in found), ";".join(cost.currency for cost in found)


def _analytics_row(item: AnalyticsItem) -> Sequence[Cell]:
    counts, times = item.counts.model_dump(), item.time_to_deliver
    reasons = (f"{each.status}:{each.reason}={each.deliveries}" for each in item.reasons)
    return (
        item.day.isoformat() if item.day else None,
        item.channel,
        str(item.message_id) if item.message_id else None,
        shown_time(item.send_at),
        item.messages,
        item.counts.audience,
        *(counts[status.value] for status in Status),
        ";".join(reasons),
        item.segments,
        *costs(item.costs),
        item.unpriced_segments,
        times.p50_seconds if times else None,
        times.p95_seconds if times else None,
        item.opt_outs,
        item.final,
        shown_time(item.rolled_up_at),
    )


def shown_time(moment: datetime | None) -> str | None:
    """Return the time in UTC, as in JSON."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
