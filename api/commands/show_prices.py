"""`flask show-prices`: shows what segments cost."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.option_types import ChurchId
from api.commands.support.tables import print_table
from api.commands.support.transaction import transaction
from store import segment_prices
from store.segment_prices import SegmentPrice


@click.command("show-prices")
@click.option(
    "--church",
    "church_id",
    type=ChurchId(),
    help="The church's id (default: the prices of churches without their own).",
)
@with_appcontext
def show_prices(church_id: UUID | None) -> None:
    """Show the prices of a church, or those of every church without a price of its own."""
    with transaction() as connection:
        prices = segment_prices.list_prices(connection, church_id)
    describe(prices)


def describe(prices: Sequence[SegmentPrice]) -> None:
    """Print the prices, one per line."""
    rows = [
        (
            price.channel,
            price.valid_from.isoformat(),
            "none" if price.per_segment is None else f"{price.per_segment:f} {price.currency}",
        )
        for price in prices
    ]
    print_table(("CHANNEL", "FROM", "PER SEGMENT"), rows)
