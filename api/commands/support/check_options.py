"""The options that the check commands share."""

from __future__ import annotations

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of lines.")
without_workers_option = click.option(
    "--without-workers", is_flag=True, help="Leave out the jobs through the queues, which need running workers."
)
