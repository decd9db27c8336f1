"""The exceptions that the programs wrote to their logs, counted: where mischief is not all that goes wrong."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

_EXCEPTION = re.compile(r"^((?:[a-z_]+\.)*[A-Z]\w+(?:\.[A-Z]\w+)*)(?:: .*)?$")
_TRACEBACK = "Traceback (most recent call last)"


def read_complaints(folder: Path) -> Counter[str]:
    """How often each exception ended a traceback, by program and exception."""
    complaints: Counter[str] = Counter()
    for log in folder.glob("*.log"):
        in_traceback = False
        with log.open(errors="replace") as lines:
            for line in lines:
                if _TRACEBACK in line:
                    in_traceback = True
                elif in_traceback and (found := _EXCEPTION.match(line.rstrip())):
                    complaints[f"{log.stem}: {found[1]}"] += 1
                    in_traceback = False
    return complaints
