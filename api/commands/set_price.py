"""`flask set-price`: sets what a segment costs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from flask.cli import with_appcontext

from api.commands.show_prices import describe
from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId, Currency, Day, Price
from api.commands.support.transaction import transaction
from channels.registry import CHANNELS
from store import churches, segment_prices
from store.segment_prices import MonthIsOver, SegmentPrice


@click.command("set-price")
@click.option("--church", "church_id", type=ChurchId(), help="The church's id.")
@click.option("--every-church", is_flag=True, help="Instead of --church: for every church without a price of its own.")
@click.option("--channel", type=click.Choice(sorted(CHANNELS)), required=True)
@click.option(
    "--per-segment",
    type=Price(),
    required=True,
    help="For a segment of a text, a picture message, or a mail, such as 0.0079. `none` removes it from that day on.",
)
@click.option("--currency", type=Currency(), help="An ISO 4217 code, such as USD.")
@click.option("--from", "valid_from", type=Day(), help="From this day on, by the church's calendar (default: today).")
@with_appcontext
def set_price(
    church_id: UUID | None,
    every_church: bool,
    channel: str,
    per_segment: Decimal,
    currency: str | None,
    valid_from: date | None,
) -> None:
    """Set what a segment costs, from a day on.

    Months that are over keep their price, so the day cannot be before the present month.
    """
    if (church_id is None) is not every_church:
        raise BadInput("Give either --church or --every-church.")
    amount = None if per_segment.is_nan() else per_segment
    if (amount is None) is not (currency is None):
        raise BadInput("Give --currency with a price, and leave it out with --per-segment none.")
    with transaction() as connection:
        zone = "UTC"
        if church_id is not None:
            church = churches.get(connection, church_id)
            if church is None:
                raise BadInput(f"There is no church {church_id}.")
            zone = church.time_zone
        price = SegmentPrice(
            channel=channel,
            valid_from=valid_from or datetime.now(UTC).astimezone(ZoneInfo(zone)).date(),
            per_segment=amount,
            currency=currency,
        )
        try:
            segment_prices.set_price(connection, price, church_id=church_id, actor=command_actor())
        except MonthIsOver:
            raise BadInput(
                "--from must not be before the present month: what earlier months cost is settled."
            ) from None
        prices = segment_prices.list_prices(connection, church_id)
    describe(prices)
