"""Reads what a check command prints."""

from __future__ import annotations

import re


def lines_of(output: str) -> dict[str, str]:
    """Return the mark and the finding of each step, by its name."""
    found = re.findall(r"^(\S+) +\d+/\d+ (.+?) … \d+\.\d s: (.*)$", output, re.MULTILINE)
    return {name: f"{mark} {finding}" for mark, name, finding in found}
