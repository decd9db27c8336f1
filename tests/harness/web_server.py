"""The API as it is deployed: gunicorn with our configuration, on a real port, in its own processes."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from settings import Settings
from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tools.local import ports
from tools.local.environment import ROOT

_PASSED_ON = ("database_url", "redis_url", "twilio_account_sid", "twilio_api_base_url", "public_url", "log_format")


@dataclass(frozen=True, kw_only=True)
class WebServer:
    """A running gunicorn with one worker process."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of a GET on its own connection. Raises OSError when no answer comes for half a minute."""
        return self.request("GET", path, headers=headers)

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self) -> int:
        """Stop it as a host does. Returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def exchange(self, sent: bytes) -> bytes:
        """Everything that the server sends for these bytes until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def worker_pid(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])

    def worker_memory(self) -> int:
        """The private resident memory of the worker process in bytes."""
        resident, shared = Path(f"/proc/{self.worker_pid()}/statm").read_text().split()[1:3]
        return (int(resident) - int(shared)) * resource.getpagesize()

    def ended(self, reason: str) -> int:
        """Return how many connections the server logged as closed for this reason."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return sum(line["reasons"].get(reason, 0) for line in lines if line["event"] == "connections closed")


@contextmanager
def running_web(settings: Settings, folder: Path, *, port: int | None = None, **variables: str) -> Generator[WebServer]:
    """Gunicorn with one worker, ready to answer, on `port` or a free one; `variables` are added to its environment."""
    port, log = port or ports.choose_port(), folder / "web.log"
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
        **{name.upper(): str(getattr(settings, name)) for name in _PASSED_ON},
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token.get_secret_value(),
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        **variables,
    }
    command = (sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app")
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    report_output("gunicorn", log)
    server = WebServer(port=port, process=process, log=log)
    try:
        wait_until(
            lambda: process.poll() is not None or _is_alive(server),
            timeout_seconds=60,
            condition="gunicorn answers GET /health/live, or has ended",
        )
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(timeout=45)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_alive(server: WebServer) -> bool:
    try:
        return server.get("/health/live")[0] == 200
    except OSError:
        return False
