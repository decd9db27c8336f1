"""Reads a new password from a prompt or from standard input: on a command line, other users could read it."""

from __future__ import annotations

import sys

import click

from api.commands.support.option_types import BadInput
from settings import password_weakness

_MAX_CHARACTERS = 1000


def read_new_password() -> str:
    """Return the password. Raises BadInput, whose message does not contain it, if it is easily guessed."""
    if sys.stdin.isatty():
        password = click.prompt("Password (not shown)", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline(_MAX_CHARACTERS + 2).rstrip("\r\n")
    if len(password) > _MAX_CHARACTERS:
        raise BadInput(f"The password must have at most {_MAX_CHARACTERS} characters.")
    if weakness := password_weakness(password):
        raise BadInput(f"The password {weakness}.")
    return password
