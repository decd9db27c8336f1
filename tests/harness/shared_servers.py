"""One PostgreSQL and one Valkey for a whole test run, each started when the first test needs it.

SharedServers runs in the main test process; the other test processes send it requests over a Unix socket.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

from processes import child_process
from processes.child_process import Program
from tests.harness.waiting import wait_until
from tools.local import ports, postgres, valkey
from tools.local.environment import ROOT
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

_CLOSE = "close"


class SharedServers:
    """The servers and the temporary folder that holds their files."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="koinonia-tests-"))
        self.address = str(self._folder / "requests")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._replies: dict[str, tuple[Any, str | None]] = {}
        self._listener = Listener(self.address, family="AF_UNIX")
        # The kernel stops the servers when the thread that started them ends, so this thread runs until close().
        self._thread = threading.Thread(target=self._serve, name="shared servers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the servers and delete their files."""
        with Client(self.address, family="AF_UNIX") as connection:
            connection.send(_CLOSE)
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        starts: dict[str, Callable[[], Any]] = {"postgres": self._start_postgres, "valkey": self._start_valkey}
        while True:
            with self._listener.accept() as connection:
                name = connection.recv()
                if name == _CLOSE:
                    break
                connection.send(self._reply(name, starts[name]))
        self._listener.close()
        self._stop()

    def _reply(self, name: str, start: Callable[[], Any]) -> tuple[Any, str | None]:
        """Return (the result of start(), or None; the traceback if it failed). Later requests get the same reply."""
        if name not in self._replies:
            try:
                self._replies[name] = (start(), None)
            except Exception:  # noqa: BLE001 - raised again in the test process that asked
                self._replies[name] = (None, traceback.format_exc())
        return self._replies[name]

    def _start_postgres(self) -> tuple[str, str]:
        """Start PostgreSQL. Return the URLs of the superuser and of a migrated database, the template of the others."""
        settings = {**postgres.NOT_DURABLE, "shared_buffers": "64MB", "max_wal_size": "4GB"}
        folder, port = self._folder / "postgres", ports.choose_port()
        server = postgres.prepare(folder, port=port, superuser_password="tests", settings=settings)
        self._start(server.program(output=self._folder / "postgres.log"), server.is_ready)
        template_url = server.make_application("tests")
        _migrate(template_url)
        return server.superuser_url, template_url

    def _start_valkey(self) -> str:
        """Start Valkey. Return its URL without a database number."""
        folder, port = self._folder / "valkey", ports.choose_port()
        server = valkey.prepare(folder, port=port, password="tests", durable=False)
        self._start(server.program(output=self._folder / "valkey.log"), server.is_ready)
        return server.url().removesuffix("/0")

    def _start(self, program: Program, is_ready: Callable[[], bool]) -> None:
        process = self._processes[program.name] = child_process.start(program)
        wait_until(lambda: is_ready() or process.poll() is not None, timeout_seconds=60.0)
        if process.poll() is not None:
            assert program.output is not None
            raise RuntimeError(f"{program.name} ended: {program.output.read_text()}")

    def _stop(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGQUIT)  # an immediate shutdown: the files are deleted next
        for process in self._processes.values():
            try:
                process.wait(timeout=10.0)
            except subprocess.TimeoutExpired:
                child_process.kill(process)


def _migrate(database_url: str) -> None:
    """Migrate in a separate process, as in production: a template database must have no open session."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "ENABLE_QUEUES": "false",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "PUBLIC_URL": "http://127.0.0.1:9",
    }
    command = (sys.executable, "-m", "store.migrate")
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the migrations failed: {done.stderr}")


def request_server(address: str, name: str) -> Any:
    """Ask the SharedServers at this address to start a server unless it runs. Return its URLs."""
    with Client(address, family="AF_UNIX") as connection:
        connection.send(name)
        reply, error = connection.recv()
    if error:
        raise RuntimeError(f"{name} could not be started for the tests:\n{error}")
    return reply


def server_log(address: str, name: str) -> Path:
    """Return the log file of the server."""
    return Path(address).parent / f"{name}.log"
