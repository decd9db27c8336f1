"""A module that leaves a mark when it is imported: a hostile job names it as its function."""

from __future__ import annotations

import os
from pathlib import Path

Path(os.environ["KOINONIA_TESTS_MARK"]).mkdir()


def run(*_: object) -> None:
    """Does nothing: importing the module leaves the mark."""
