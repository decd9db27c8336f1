"""`flask list-imports`: lists the imports of a church, with their progress."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from store import churches, imports
from store.imports import Import

_MOST = 100
_HEADINGS = ("IMPORT ID", "FILE", "STATUS", "ROWS", "DONE", "ADDED", "CHANGED", "REFUSED", "UPLOADED", "ENDED", "BY")


@click.command("list-imports")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@with_appcontext
def list_imports(church_id: UUID) -> None:
    """List the last hundred imports of a church, newest first.

    Shows how many rows each has, how many are done, and who started it: `GET /api/imports/ID/report` lists the rows
    that were refused.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        found = imports.page(connection, church_id=church_id, before=None, limit=_MOST)
    if found:
        print_table(_HEADINGS, [_row(each) for each in found])
    else:
        click.echo("The church has no imports.")


def _row(found: Import) -> tuple[str, ...]:
    counts = (found.rows, found.rows_done, found.created, found.updated, found.refused)
    return (
        str(found.import_id),
        found.file_name,
        found.status,
        *(f"{count:,}" for count in counts),
        shown_time(found.created_at),
        shown_time(found.undone_at or found.finished_at, missing="-"),
        f"{found.started_by.kind} {found.started_by.name}" if found.started_by else "-",
    )
