"""Counts the exceptions in the programs' logs: faults cause many; one that no fault explains is a bug."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

_EXCEPTION = re.compile(r"^((?:[a-z_]+\.)*[A-Z]\w+(?:\.[A-Z]\w+)*)(?:: .*)?$")
_TRACEBACK = "Traceback (most recent call last)"


def count_log_exceptions(folder: Path) -> Counter[str]:
    """How often each exception ended a traceback, by `program: exception`."""
    exceptions: Counter[str] = Counter()
    for log in folder.glob("*.log"):
        in_traceback = False
        with log.open(errors="replace") as lines:
            for line in lines:
                if _TRACEBACK in line:
                    in_traceback = True
                elif in_traceback and (found := _EXCEPTION.match(line.rstrip())):
                    exceptions[f"{log.stem}: {found[1]}"] += 1
                    in_traceback = False
    return exceptions
