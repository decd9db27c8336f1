"""A Valkey for one test alone, which may be stopped and killed. It keeps nothing."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from processes import child_process
from tests.harness.stopping import standing_still
from tests.harness.waiting import wait_until
from tools.local import valkey


class OwnRedis:
    """start() brings it up, also after a kill."""

    def __init__(self, folder: Path, port: int) -> None:
        self._server = valkey.prepare(folder / "valkey", port=port, password="tests", durable=False)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._server.url()

    def start(self) -> None:
        self._process = child_process.start(self._server.program(output=self._folder / "valkey.log"))
        wait_until(self._server.is_ready)

    def kill(self) -> None:
        if self._process is not None:
            child_process.kill(self._process)

    close = kill

    def standing_still(self) -> AbstractContextManager[None]:
        """It does nothing inside the block; the kernel still takes connections for it."""
        assert self._process is not None
        return standing_still(self._process.pid)
