"""The response models of reports, and how they are made of sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from api.costs import Cost, shown_amount
from api.messages.responses import Counts
from messaging.delivery_times import percentile
from messaging.states import Status
from store.analytics import CountedMessage, Sums

SENT = (Status.SENT, Status.UNDELIVERED, Status.DELIVERED)
"""What the carrier accepted and bills."""


class Reason(ResponseModel):
    """How many deliveries were not sent, or did not arrive, for one reason."""

    status: Literal["suppressed", "undelivered", "failed"]
    reason: str = Field(
        description=(
            "The carrier's error code, or one of our own reasons such as `opted out` or `daily limit`; `other` for "
            "further ones, and empty if there is none."
        )
    )
    deliveries: int


class TimeToDeliver(ResponseModel):
    """How long deliveries took from when they could go out until the carrier reported that they arrived."""

    deliveries: int = Field(description="Of how many deliveries.")
    p50_seconds: float = Field(description="Half of them took at most this long. Within 5 percent, or one second.")
    p95_seconds: float = Field(
        description="95 percent of them took at most this long. Within 5 percent, or one second."
    )


class Spent(ResponseModel):
    """Segments and what they cost."""

    segments: int = Field(description="Segments of deliveries that the carrier accepted.")
    costs: list[Cost] = Field(description="What they cost, by currency. Empty if no price is set.")
    unpriced_segments: int = Field(description="Of `segments`, those without a price: they are not in `costs`.")


class Freshness(ResponseModel):
    """How old the numbers are."""

    final: bool = Field(
        description=(
            "Whether the numbers are final: the period is over, and all its messages are settled and counted. Only a "
            "late receipt, or a person who sends something again, changes them then."
        )
    )
    rolled_up_at: Timestamp | None = Field(
        description="When one of the messages was counted last; null if none is counted yet."
    )


class AnalyticsItem(Spent, Freshness):
    """The sums of one group."""

    day: date | None = Field(description="With `by=day` and `by=message`: the day on which the messages were due.")
    channel: str | None = Field(description="With `by=channel` and `by=message`.")
    message_id: UUID | None = Field(description="With `by=message`.")
    send_at: Timestamp | None = Field(description="With `by=message`: when it was due.")
    messages: int = Field(description="Messages whose deliveries were created.")
    counts: Counts
    reasons: list[Reason]
    time_to_deliver: TimeToDeliver | None = Field(description="Null if nothing is known to have arrived.")
    opt_outs: int | None = Field(
        description="How many people opted out in the period. Null by channel and by message: an opt-out has neither."
    )


class Analytics(ResponseModel):
    """Sums of what was sent, for each group that has any."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    time_zone: str = Field(description="The church's time zone, in which its days begin and end.")
    items: list[AnalyticsItem]
    next: str | None = Field(
        description="With `by=message`: pass it as `cursor` to get the next page; null on the last page, and otherwise."
    )


class Quota(ResponseModel):
    """How much of the monthly quota is used."""

    used: int = Field(
        description=(
            "Segments that were sent or are reserved, as the quota counts them: a picture message as three, mail not."
        )
    )
    limit: int | None = Field(description="The quota that holds now; null without one, and for months that are over.")
    left: int | None = Field(description="How much may still be sent in the month; null without a limit.")


class UsageChannel(Spent):
    """What was sent on one channel."""

    channel: str
    messages: int
    deliveries: int = Field(description="Deliveries that the carrier accepted.")


class UsageMonth(Spent, Freshness):
    """What was sent in a month."""

    month: str = Field(json_schema_extra={"examples": ["2026-11"]})
    messages: int
    deliveries: int = Field(description="Deliveries that the carrier accepted.")
    channels: list[UsageChannel]
    quota: Quota


class Usage(ResponseModel):
    """What was sent, by month of the church's calendar."""

    time_zone: str
    months: list[UsageMonth]


def analytics_item(
    sums: Sums, *, by: Sequence[str], message: CountedMessage | None, opt_outs: int | None
) -> AnalyticsItem:
    """Return the item of one group. `message` is its only one, if grouped by message."""
    return AnalyticsItem(
        day=message.day if message else sums.period if "day" in by else None,
        channel=message.channel if message else sums.channel if "channel" in by else None,
        message_id=message.message_id if message else None,
        send_at=message.send_at if message else None,
        messages=sums.messages,
        counts=counts_of(sums),
        reasons=_reasons(sums),
        time_to_deliver=_time_to_deliver(sums),
        opt_outs=opt_outs,
        final=sums.is_final,
        rolled_up_at=sums.counted_at,
        **spent(sums),
    )


def opt_outs_only(period: date, *, by: Sequence[str], opt_outs: int, is_over: bool) -> AnalyticsItem:
    """Return the item of a group in which nothing was sent."""
    return AnalyticsItem(
        day=period if "day" in by else None,
        channel=None,
        message_id=None,
        send_at=None,
        messages=0,
        counts=Counts(audience=0, **{status.value: 0 for status in Status}),
        reasons=[],
        time_to_deliver=None,
        opt_outs=opt_outs,
        final=is_over,
        rolled_up_at=None,
        segments=0,
        costs=[],
        unpriced_segments=0,
    )


def counts_of(sums: Sums) -> Counts:
    counts = sums.by_status
    return Counts(audience=sum(counts.values()), **{status.value: counts[status] for status in Status})


def spent(sums: Sums) -> dict[str, Any]:
    """Return the fields of Spent."""
    return {"segments": sums.billed, "costs": costs_of(sums), "unpriced_segments": sums.unpriced}


def costs_of(sums: Sums) -> list[Cost]:
    found = zip(sums.currencies, sums.amounts, strict=True)
    return [Cost(currency=currency, amount=shown_amount(amount)) for currency, amount in found]


def sent_deliveries(sums: Sums) -> int:
    return sum(sums.by_status[status] for status in SENT)


def _reasons(sums: Sums) -> list[Reason]:
    return [
        Reason.model_validate({"status": status, "reason": reason, "deliveries": deliveries})
        for status, reason, deliveries in zip(sums.statuses, sums.reasons, sums.deliveries, strict=True)
        if status in ("suppressed", "undelivered", "failed")
    ]


def _time_to_deliver(sums: Sums) -> TimeToDeliver | None:
    histogram = sums.histogram
    p50, p95 = percentile(histogram, part=0.5), percentile(histogram, part=0.95)
    if p50 is None or p95 is None:
        return None
    return TimeToDeliver(deliveries=sum(histogram.values()), p50_seconds=round(p50, 2), p95_seconds=round(p95, 2))
