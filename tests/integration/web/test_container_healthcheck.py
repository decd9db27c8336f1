"""The health check of the image, run against a web process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from settings import Settings
from tests.architecture.test_containers import healthcheck
from tests.harness.web_server import running_web


def check(port: int) -> int:
    """Run the health check. Return its exit status: 0 for healthy."""
    _, *arguments = healthcheck()
    environment = {**os.environ, "PORT": str(port)}
    return subprocess.run((sys.executable, *arguments), env=environment, capture_output=True, check=False).returncode


def test_a_web_process_is_healthy_and_nothing_is_not(settings: Settings, tmp_path: Path, free_port: int) -> None:
    with running_web(settings, tmp_path) as server:
        assert check(server.port) == 0

    assert check(server.port) != 0


def test_a_web_process_without_its_database_is_not_healthy(settings: Settings, tmp_path: Path, free_port: int) -> None:
    away = settings.model_copy(update={"database_url": f"postgresql://koinonia@127.0.0.1:{free_port}/koinonia"})
    with running_web(away, tmp_path) as server:
        assert check(server.port) != 0
