"""Reads settings for a command. If they are incomplete, the command ends with one line that names what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from settings import SettingsError

T = TypeVar("T")


def read_settings(load: Callable[[], T]) -> T:
    """Return the settings that `load` reads. Raises NotConfigured."""
    try:
        return load()
    except SettingsError as error:
        raise NotConfigured(error) from error


class NotConfigured(click.ClickException):
    """Variables are missing or invalid."""

    exit_code = 2

    def __init__(self, error: SettingsError) -> None:
        errors = "; ".join(str(error).splitlines())
        super().__init__(
            f"The configuration is incomplete: {errors}. .env.example describes the variables; "
            "bin/flask runs against what bin/run started."
        )
