"""`flask operator`: adds, lists and removes operators, and sets their passwords."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import with_appcontext
from psycopg import Connection

from api.commands.operator_sessions import end_session, list_sessions
from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput
from api.commands.support.password_input import read_new_password
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from api.operator.password_hashing import PasswordHashing
from api.services import services
from store import audit, operator_sessions, operators
from store.operators import SHARED_NAME


@click.group("operator")
def operator() -> None:
    """Manage the people who may log in at /operator/login."""


@operator.command("add")
@click.argument("name")
@with_appcontext
def add(name: str) -> None:
    """Add an operator.

    The command reads the password from a prompt or from standard input.
    """
    if name == SHARED_NAME:
        raise BadInput(f"The name {SHARED_NAME} belongs to OPERATOR_PASSWORD. Use the name of a person.")
    if not operators.is_name(name):
        raise BadInput(
            "NAME must have 1 to 32 small letters, digits, dots, hyphens or underscores, and begin with a letter."
        )
    password_hash = PasswordHashing().hash(read_new_password())
    with transaction() as connection:
        is_first = not operators.exist(connection)
        if not operators.add(connection, name=name, password_hash=password_hash):
            raise BadInput(f"There is an operator {name} already. `flask operator set-password` changes the password.")
        operator_sessions.end_all_of(connection, None)
        _record(connection, "operator.added", name)
    click.echo(f"{name} can log in at /operator/login.")
    if is_first and services().settings.operator_password is not None:
        click.echo("OPERATOR_PASSWORD no longer opens the pages. Remove it from the environment.")


@operator.command("list")
@with_appcontext
def list_operators() -> None:
    """List the operators."""
    with transaction() as connection:
        found = operators.list_operators(connection)
    if not found:
        click.echo("There are no operators. `flask operator add NAME` adds one.")
        return
    print_table(
        ("NAME", "SINCE", "LAST LOGIN", "OPEN SESSIONS"),
        [
            (
                each.name,
                shown_time(each.created_at),
                shown_time(each.last_login_at, missing="never"),
                str(each.open_sessions),
            )
            for each in found
        ],
    )


@operator.command("remove")
@click.argument("name")
@with_appcontext
def remove(name: str) -> None:
    """Remove an operator. This ends the operator's sessions at once."""
    with transaction() as connection:
        if not operators.remove(connection, name):
            raise _unknown(name)
        is_last = not operators.exist(connection)
        _record(connection, "operator.removed", name)
    click.echo(f"{name} can no longer log in.")
    if is_last and services().settings.operator_password is not None:
        click.echo(f"There are no operators now, so OPERATOR_PASSWORD opens the pages, under the name {SHARED_NAME}.")


@operator.command("set-password")
@click.argument("name")
@with_appcontext
def set_password(name: str) -> None:
    """Set an operator's password. This ends the operator's sessions at once.

    The command reads the password from a prompt or from standard input.
    """
    password_hash = PasswordHashing().hash(read_new_password())
    with transaction() as connection:
        operator_id = operators.set_password(connection, name=name, password_hash=password_hash)
        if operator_id is None:
            raise _unknown(name)
        ended = operator_sessions.end_all_of(connection, operator_id)
        _record(connection, "operator.password_set", name)
    click.echo(f"The password of {name} is set. Sessions ended: {ended}.")


operator.add_command(list_sessions)
operator.add_command(end_session)


def _unknown(name: str) -> BadInput:
    return BadInput(f"There is no operator {name}. `flask operator list` shows all.")


def _record(connection: Connection[Any], action: str, name: str) -> None:
    audit.record(connection, actor=command_actor(), action=action, subject=name)
