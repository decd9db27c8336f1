"""Secrets from files: what stands on a command line can be read by every user of the machine."""

from argparse import ArgumentTypeError
from pathlib import Path


def read_secret(path: str) -> str:
    """The file's text without the space around it. Raises ArgumentTypeError when there is none."""
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentTypeError(f"{path} cannot be read: {error}") from error
    if not text:
        raise ArgumentTypeError(f"{path} is empty")
    return text
