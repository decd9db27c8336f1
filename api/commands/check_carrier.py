"""`flask check-carrier`: checks the account at the carrier, the address of callbacks and the mail server."""

from __future__ import annotations

import click

from api.commands.support.check_options import json_option
from api.commands.support.settings_input import read_settings
from settings import load_settings


@click.command("check-carrier")
@json_option
def check_carrier(as_json: bool) -> None:
    """Check the account at the carrier, the address of callbacks and the mail server.

    Sends no message. The exit status is 0 when no test failed, and 1 when one did.
    """
    from api.checks.carrier_senders import read_senders
    from api.checks.carrier_suite import carrier_suite
    from api.checks.report import finish, run_and_show

    settings = read_settings(load_settings)
    report = run_and_show(carrier_suite(settings, read_senders(settings)), as_json=as_json)
    finish(report, as_json=as_json)
