"""Runs `flask` as an operator types it: a process in the project's folder, with the given variables alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.local.environment import ROOT

FLASK = str(Path(sys.executable).with_name("flask"))


def flask_environment(**variables: str) -> dict[str, str]:
    """Return the environment: nothing of a developer's own variables or .env file."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return {**kept, "FLASK_APP": "api.command_line", "FLASK_SKIP_DOTENV": "1", **variables}


def run_flask(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (FLASK, *arguments),
        env=flask_environment(**variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
