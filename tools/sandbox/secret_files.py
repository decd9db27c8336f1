"""Reads secrets from files, because any user of the machine can see command lines."""

from argparse import ArgumentTypeError
from pathlib import Path


def read_secret(path: str) -> str:
    """Return the file's text, stripped. Raises ArgumentTypeError when it cannot be read or is empty."""
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentTypeError(f"{path} cannot be read: {error}") from error
    if not text:
        raise ArgumentTypeError(f"{path} is empty")
    return text
