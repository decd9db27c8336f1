"""GET /api/usage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from api import csv_table
from api.analytics import csv_rows, responses
from api.analytics.query import UsageQuery, next_month
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.services import services
from store import analytics
from store.analytics import Calendar, Days, Sums
from store.api_keys import KeyHolder
from store.database import church_scope


@endpoint(
    "GET /api/usage",
    tag="Analytics",
    summary="Show usage, cost and quota by month",
    authentication=with_key("analytics:read"),
    query=UsageQuery,
    responses=(
        ResponseSpec(
            status=200,
            description="The months, as JSON, or as CSV with `Accept: text/csv`.",
            content=responses.Usage,
            has_csv=True,
        ),
    ),
)
def get_usage(*, caller: KeyHolder, query: UsageQuery) -> ApiResponse:
    """Shows for each month of the church's calendar how many messages were due, the deliveries and segments that the
    carrier accepted, by channel, what they cost, and how much of the quota is left. A price that is changed later
    does not change months that are over. In CSV, each line is one channel in one month."""
    with church_scope(services().database, caller.church_id) as connection:
        calendar = analytics.calendar(connection, caller.church_id)
        months = query.months(calendar.today)
        days = Days(first=months[0], last=next_month(months[-1]) - timedelta(days=1))
        whole = analytics.sum_totals(connection, [caller.church_id], days, period="month", by_channel=False)
        by_channel = analytics.sum_totals(connection, [caller.church_id], days, period="month", by_channel=True)
        counted = analytics.counted_months(connection, caller.church_id, days)
    usage = responses.Usage(
        time_zone=calendar.time_zone,
        months=[
            _month(
                month,
                calendar,
                whole=next((sums for sums in whole if sums.period == month), None),
                by_channel=[sums for sums in by_channel if sums.period == month and sums.messages],
                used=counted.get(month, 0),
            )
            for month in months
        ],
    )
    content = csv_rows.usage_table(usage) if csv_table.is_wanted() else usage
    return ApiResponse(status=200, content=content, headers={"Vary": "Accept"})


def _month(
    month: date, calendar: Calendar, *, whole: Sums | None, by_channel: Sequence[Sums], used: int
) -> responses.UsageMonth:
    is_over = next_month(month) <= calendar.today
    limit = None if is_over else calendar.monthly_quota
    quota = responses.Quota(used=used, limit=limit, left=None if limit is None else max(0, limit - used))
    channels = [
        responses.UsageChannel(
            channel=sums.channel,
            messages=sums.messages,
            deliveries=responses.sent_deliveries(sums),
            **responses.spent(sums),
        )
        for sums in by_channel
    ]
    nothing: dict[str, Any] = {"segments": 0, "costs": [], "unpriced_segments": 0}
    return responses.UsageMonth(
        month=f"{month:%Y-%m}",
        messages=whole.messages if whole else 0,
        deliveries=responses.sent_deliveries(whole) if whole else 0,
        channels=channels,
        quota=quota,
        final=whole.is_final if whole else is_over,
        rolled_up_at=whole.counted_at if whole else None,
        **(responses.spent(whole) if whole else nothing),
    )
