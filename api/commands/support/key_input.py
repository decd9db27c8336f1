"""Reads a key, or its hash, from a prompt or from standard input: on a command line, other users could read it."""

from __future__ import annotations

import re
import sys

import click

from api import keys
from api.commands.support.option_types import BadInput

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_MAX_LINE_CHARACTERS = 1000


def read_secret_hash() -> bytes:
    """Read a key, or its SHA-256 in hexadecimal, and return the hash.

    Raises BadInput, whose message does not contain the input.
    """
    text = _read_line().strip()
    if keys.looks_like_key(text):
        return keys.hash_key(text)
    if _HASH.fullmatch(text):
        return bytes.fromhex(text)
    raise BadInput("The input is neither a complete key (ksms_ and 43 characters) nor the SHA-256 of one.")


def refuse_key_argument(argument: str | None) -> None:
    """Raise BadInput if a key was passed on the command line."""
    if argument is not None and argument.startswith("ksms_"):
        raise BadInput(
            "A key on the command line can be read in the process list and in the shell's history. Leave it out, and "
            "type it at the prompt or pass it on standard input."
        )


def _read_line() -> str:
    if sys.stdin.isatty():
        return click.prompt("Key (not shown)", hide_input=True, err=True)
    return sys.stdin.readline(_MAX_LINE_CHARACTERS)
