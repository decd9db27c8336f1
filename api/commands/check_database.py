"""`flask check-database`: checks PostgreSQL, its role, its schema and its state."""

from __future__ import annotations

import click

from api.commands.support.check_options import json_option
from api.commands.support.settings_input import read_settings
from settings import load_database_settings


@click.command("check-database")
@json_option
def check_database(as_json: bool) -> None:
    """Check PostgreSQL, its role, its schema and its state.

    Needs only DATABASE_URL. Changes nothing. The exit status is 0 when no test failed, and 1 when one did.
    """
    from api.checks.database_suite import database_suite
    from api.checks.report import finish, run_and_show

    with database_suite(read_settings(load_database_settings)) as suite:
        report = run_and_show(suite, as_json=as_json)
    finish(report, as_json=as_json)
