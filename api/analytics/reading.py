"""GET /api/analytics."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import request
from psycopg import Connection

from api import csv_table
from api.analytics import csv_rows, responses
from api.analytics.query import AnalyticsQuery, write_position
from api.authentication import with_key
from api.endpoints import ApiResponse, Header, ResponseSpec, endpoint
from api.services import services
from store import analytics
from store.analytics import CountedMessage, Days
from store.api_keys import KeyHolder
from store.database import church_scope

_NEXT = Header(name="Link", description='For CSV with `by=message`: the next page, as `<…>; rel="next"` (RFC 8288).')


@endpoint(
    "GET /api/analytics",
    tag="Analytics",
    summary="Count what was sent and what became of it",
    authentication=with_key("analytics:read"),
    query=AnalyticsQuery,
    responses=(
        ResponseSpec(
            status=200,
            description="The sums, as JSON, or as CSV with `Accept: text/csv`.",
            content=responses.Analytics,
            headers=(_NEXT,),
            has_csv=True,
        ),
    ),
)
def get_analytics(*, caller: KeyHolder, query: AnalyticsQuery) -> ApiResponse:
    """Sums up the deliveries of the messages that were due in a range of days: by status, by reason, their segments,
    what those cost, how long they took to arrive, and how many people opted out. Days are those of the church's time
    zone.

    The deliveries of a message are counted repeatedly until they are settled, so recent numbers are some minutes old:
    `rolledUpAt` is when they were counted, and `final` is whether they can still change."""
    with church_scope(services().database, caller.church_id) as connection:
        calendar = analytics.calendar(connection, caller.church_id)
        days = query.days(calendar.today)
        if "message" in query.groupings:
            items, following = _of_messages(connection, caller.church_id, days, query)
        else:
            items, following = _of_groups(connection, caller.church_id, days, query, today=calendar.today), None
    if csv_table.is_wanted():
        link = {} if following is None else {"Link": f'<{_address(following)}>; rel="next"'}
        return ApiResponse(status=200, content=csv_rows.analytics_table(items), headers={"Vary": "Accept", **link})
    report = responses.Analytics.model_validate(
        {
            "first": days.first,
            "last": days.last,
            "time_zone": calendar.time_zone,
            "items": items,
            "next": following,
        }
    )
    return ApiResponse(status=200, content=report, headers={"Vary": "Accept"})


def _of_groups(
    connection: Connection[Any], church_id: UUID, days: Days, query: AnalyticsQuery, *, today: date
) -> list[responses.AnalyticsItem]:
    period = "day" if "day" in query.groupings else "all"
    by_channel = "channel" in query.groupings
    found = analytics.sum_totals(connection, [church_id], days, period=period, by_channel=by_channel)
    opt_outs: dict[date, int] = {}
    if not by_channel:
        opt_outs = analytics.sum_opt_outs(connection, church_id, days, period=period)
    items = {
        (sums.period, sums.channel): responses.analytics_item(
            sums, by=query.groupings, message=None, opt_outs=None if by_channel else opt_outs.pop(sums.period, 0)
        )
        for sums in found
    }
    for start, number in opt_outs.items():
        is_over = (start if period == "day" else days.last) < today
        items[start, ""] = responses.opt_outs_only(start, by=query.groupings, opt_outs=number, is_over=is_over)
    return [items[key] for key in sorted(items)]


def _of_messages(
    connection: Connection[Any], church_id: UUID, days: Days, query: AnalyticsQuery
) -> tuple[list[responses.AnalyticsItem], str | None]:
    """Return one page, and the cursor of the next one, if any."""
    found = analytics.page_messages(connection, church_id, days, after=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    if not shown:
        return [], None
    range_of_page = Days(first=shown[0].day, last=shown[-1].day)
    by_id = {
        sums.message_id: sums
        for sums in analytics.sum_totals(
            connection,
            [church_id],
            range_of_page,
            period="all",
            by_channel=False,
            message_ids=[message.message_id for message in shown],
        )
    }
    items = [
        responses.analytics_item(by_id[message.message_id], by=query.groupings, message=message, opt_outs=None)
        for message in shown
        if message.message_id in by_id
    ]
    return items, _position(shown[-1]) if len(found) > len(shown) else None


def _position(message: CountedMessage) -> str:
    return write_position((message.send_at, message.message_id))


def _address(cursor: str) -> str:
    """Return the path of the next page: that of this request with another cursor."""
    parameters = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return f"{request.path}?{urlencode([*parameters, ('cursor', cursor)])}"
