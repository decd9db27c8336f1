"""A Redis (Valkey) for one test alone, which the test may suspend and kill. It saves nothing to disk."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from processes import child_process
from tests.harness.process_output import report_output
from tests.harness.suspended_process import suspended
from tests.harness.waiting import wait_until
from tools.local import valkey


class PrivateRedis:
    """Starts with start(), also after a kill."""

    def __init__(self, folder: Path, port: int) -> None:
        self._server = valkey.prepare(folder / "valkey", port=port, password="tests", durable=False)
        self._log = folder / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._server.url()

    def start(self, *options: str) -> None:
        """`options`: more lines of the configuration, such as `maxmemory 100mb`."""
        configuration = self._server.folder / "valkey.conf"
        configuration.write_text(configuration.read_text() + "".join(f"{option}\n" for option in options))
        self._process = child_process.start(self._server.program(output=self._log))
        report_output("the private Redis", self._log)
        wait_until(self._server.is_ready, condition="the private Redis accepts connections")

    def kill(self) -> None:
        if self._process is not None:
            child_process.kill(self._process)

    close = kill

    def suspended(self) -> AbstractContextManager[None]:
        """The process is stopped inside the block; the kernel still accepts connections for it."""
        assert self._process is not None
        return suspended(self._process.pid)
