"""`python -m jobs.worker.run_worker` as a process of its own, with a test's settings in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from settings import Settings
from tests.harness.process_output import report_output
from tools.local.environment import ROOT

_PASSED_SETTINGS = (
    "database_url",
    "redis_url",
    "twilio_account_sid",
    "twilio_api_base_url",
    "public_url",
    "carrier_timeout_seconds",
    "carrier_connections",
    "lease_seconds",
    "batch_size",
)


def environment_of(settings: Settings) -> dict[str, str]:
    """The whole environment of a process of the product that is to use these settings."""
    return {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}},
        **{name.upper(): str(getattr(settings, name)) for name in _PASSED_SETTINGS},
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token.get_secret_value(),
    }


@contextmanager
def running_worker(
    settings: Settings, output: Path, queue: str = "sms", *, before_start: str = ""
) -> Generator[subprocess.Popen[bytes]]:
    """A worker that is killed at the end of the block, if it has not ended before. It appends its log to `output`.

    The process first runs the Python code in `before_start`.
    """
    environment = environment_of(settings)
    program = f"{before_start}\nfrom jobs.worker.run_worker import main\nmain()"
    command = (sys.executable, *(("-c", program) if before_start else ("-m", "jobs.worker.run_worker")), queue)
    with output.open("ab") as writing:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.STDOUT)
    report_output(f"the {queue} worker", output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
