"""`flask import-contacts`: imports a file of contacts, as the API does."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click
from flask.cli import with_appcontext
from psycopg import OperationalError

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.transaction import transaction
from api.imports.checking import checked_import
from api.imports.lifecycle import start
from api.imports.responses import CheckedImport
from api.imports.uploaded_file import UploadedFile
from api.imports.uploading import upload
from api.problems import RequestRefused
from api.services import services
from store import churches

_SHOWN_PROBLEMS = 10


@click.command("import-contacts")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--start", "starts", is_flag=True, help="Start the import. Without it, nothing is imported.")
@with_appcontext
def import_contacts(file: Path, church_id: UUID, starts: bool) -> None:
    """Show what a CSV file or Excel workbook would add, and import it with --start.

    The file stays with the service for 7 days if it is not started: it can be changed and started through the API. A
    worker takes the rows of a started one: GET /api/imports/ID shows the progress.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
    database, actor = services().database, command_actor()
    try:
        uploaded = UploadedFile(name=file.name, data=file.read_bytes())
        found = upload(database, church_id=church_id, file=uploaded, actor=actor)
        _show(checked_import(database, found))
        if starts:
            queue = services().job_queue
            start(database, queue, church_id=church_id, import_id=found.import_id, actor=actor)
    except RequestRefused as error:
        reasons = (f"{each.field} {each.message}." for each in error.errors)
        raise click.ClickException(" ".join([error.detail, *reasons])) from None
    except OperationalError as error:
        raise click.ClickException(f"PostgreSQL cannot be used ({type(error).__name__}).") from None
    click.echo("Started." if starts else "Nothing is imported yet: see --start.")


def _show(found: CheckedImport) -> None:
    kind = found.sheet if found.format == "xlsx" else f"{found.encoding}, delimiter {found.delimiter!r}"
    click.echo(f"Import {found.id}: {found.rows:,} rows ({found.format}: {kind})")
    for column in found.columns:
        taken = f"field {column.field}" if column.target == "field" else column.target
        click.echo(f"  column {column.column} {column.heading!r}: {taken}")
    check = found.check
    extent = "" if check.is_whole_file else f" Of the first {check.rows:,} rows:"
    click.echo(
        f"{extent} {check.created:,} would be added, {check.updated:,} changed, {check.unchanged:,} are there, "
        f"{check.refused:,} would be refused.".strip()
    )
    for problem in check.problems[:_SHOWN_PROBLEMS]:
        click.echo(f"  line {problem.line}: {problem.column or 'the row'} {problem.reason}")
