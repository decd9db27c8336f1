"""A module that shows that it was imported: what a hostile job could name."""

from __future__ import annotations

import os
from pathlib import Path

Path(os.environ["KOINONIA_TESTS_MARK"]).mkdir()


def run(*_: object) -> None:
    """Nothing: importing is enough."""
