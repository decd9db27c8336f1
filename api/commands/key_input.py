"""Takes a key, or its hash, from a prompt or standard input: never from the command line, which others can read."""

from __future__ import annotations

import re
import sys

import click

from api import keys
from api.commands.arguments import BadInput

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_LONGEST_LINE = 1000


def read_secret_hash() -> bytes:
    """The SHA-256 of the key that is typed or piped in; the hash itself, in hexadecimal, may be given instead.

    Raises BadInput, which does not repeat what was given.
    """
    text = _read_line().strip()
    if keys.looks_like_key(text):
        return keys.hash_key(text)
    if _HASH.fullmatch(text):
        return bytes.fromhex(text)
    raise BadInput("What was given is neither a whole key (ksms_ and 43 characters) nor the SHA-256 of one.")


def refuse_key_argument(argument: str | None) -> None:
    """Raises BadInput for a key on the command line."""
    if argument is not None and argument.startswith("ksms_"):
        raise BadInput(
            "A key on the command line can be read in the process list and in the shell's history: leave it out, and "
            "type it when asked or give it on standard input."
        )


def _read_line() -> str:
    if sys.stdin.isatty():
        return click.prompt("Key (not shown)", hide_input=True, err=True)
    return sys.stdin.readline(_LONGEST_LINE)
