"""`flask usage`: what churches sent in a month and what it cost, for billing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from uuid import UUID

import click
from flask.cli import with_appcontext

from api import csv_table
from api.analytics import csv_rows, responses
from api.analytics.query import next_month
from api.commands.support.option_types import BadInput, ChurchId, Month
from api.commands.support.tables import print_table
from api.commands.support.transaction import transaction
from api.csv_table import Cell
from store import analytics, churches
from store.analytics import Days, ListedChurch, Sums

CHURCHES_AT_ONCE = 100
"""Churches whose usage one statement sums up."""
_HEADINGS = ("churchId", "church", *csv_rows.USAGE_HEADINGS)


@click.command("usage")
@click.option("--month", type=Month(), required=True, help="A month such as 2026-11, by each church's calendar.")
@click.option("--church", "church_id", type=ChurchId(), help="The church's id (default: all churches).")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV. Nothing is held back, however many churches there are.")
@with_appcontext
def usage(month: date, church_id: UUID | None, as_csv: bool) -> None:
    """Show what each church sent on each channel in a month, and what it cost.

    `final` is whether the numbers can still change. Churches that sent nothing are left out.
    """
    rows = _rows(month, church_id)
    if as_csv:
        for line in csv_table.lines(_HEADINGS, rows):
            click.echo(line, nl=False)
    else:
        print_table(_HEADINGS, ([_shown(cell) for cell in row] for row in rows))


def _rows(month: date, church_id: UUID | None) -> Iterator[Sequence[Cell]]:
    """Yield a row for each church and channel, some churches at a time, each time in a transaction of its own."""
    days = Days(first=month, last=next_month(month) - timedelta(days=1))
    page = [_one_church(church_id)] if church_id else _next_churches(None)
    while page:
        names = {church.church_id: church.name for church in page}
        with transaction() as connection:
            found = analytics.sum_totals(connection, list(names), days, period="month", by_channel=True)
        yield from (_row(sums, names[sums.church_id]) for sums in found if sums.messages)
        page = [] if church_id else _next_churches(page[-1].church_id)


def _one_church(church_id: UUID) -> ListedChurch:
    with transaction() as connection:
        church = churches.get(connection, church_id)
    if church is None:
        raise BadInput(f"There is no church {church_id}.")
    return ListedChurch(church_id=church.church_id, name=church.name)


def _next_churches(after: UUID | None) -> list[ListedChurch]:
    with transaction() as connection:
        return analytics.page_churches(connection, after=after, limit=CHURCHES_AT_ONCE)


def _row(sums: Sums, name: str) -> Sequence[Cell]:
    return (
        *(str(sums.church_id), name, f"{sums.period:%Y-%m}", sums.channel, sums.messages),
        *(responses.sent_deliveries(sums), sums.billed, *csv_rows.costs(responses.costs_of(sums)), sums.unpriced),
        *(sums.is_final, csv_rows.shown_time(sums.counted_at)),
    )


def _shown(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "" if cell is None else str(cell)
