"""Web processes that can be restarted one after the other, the two ways in which hosts do it."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from processes import child_process
from processes.child_process import Program
from tests.harness.process_output import report_output
from tests.harness.tcp_router import TcpRouter, tcp_router
from tests.harness.waiting import wait_until
from tools.local import ports
from tools.local.environment import ROOT

_GUNICORN = ("-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app")
_PASS_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
_LOADED = "Queues initialized"


class WebFleet(ABC):
    """`port` is the address for clients."""

    def __init__(self, port: int, environment: Mapping[str, str], folder: Path) -> None:
        self.port = port
        self._environment = environment
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def start(self) -> None:
        """Start all processes and wait until they are ready."""

    @abstractmethod
    def restart(self) -> None:
        """Replace every process by a new one, one after the other."""

    def close(self) -> None:
        for process in self._processes:
            child_process.kill(process)

    def _run(self, program: Program) -> subprocess.Popen[bytes]:
        number = len(self._processes)
        log = self._folder / f"web-{number}.log"
        process = child_process.start(
            replace(program, name=f"web-{number}", folder=ROOT, output=log, environment=self._environment)
        )
        report_output(f"web process {number}", log)
        self._processes.append(process)
        return process

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


class BehindRouter(WebFleet):
    """As on Render: a new process starts at its own address, the router turns to it, and the old one is stopped."""

    def __init__(self, router: TcpRouter, port: int, environment: Mapping[str, str], folder: Path) -> None:
        super().__init__(port, environment, folder)
        self._router = router

    def start(self) -> None:
        self._current = self._start_new()

    def restart(self) -> None:
        old = self._current
        self._current = self._start_new()
        self._stop(old)

    def _start_new(self) -> subprocess.Popen[bytes]:
        port = ports.choose_port()
        self._environment = {**self._environment, "PORT": str(port)}
        process = self._run(Program(name="web", command=(sys.executable, *_GUNICORN)))
        wait_until(lambda: _is_ready(port), timeout_seconds=90, condition="the web process is ready")
        self._router.to_port = port
        return process


class OnSharedSocket(WebFleet):
    """As with deploy/systemd: two processes inherit one listening socket, which stays open while either restarts."""

    COUNT = 2

    def __init__(self, listener: socket.socket, environment: Mapping[str, str], folder: Path) -> None:
        super().__init__(listener.getsockname()[1], environment, folder)
        self._listener = listener

    def start(self) -> None:
        self._current = [self._start_one() for _ in range(self.COUNT)]

    def restart(self) -> None:
        for number, process in enumerate(self._current):
            self._stop(process)
            self._current[number] = self._start_one()

    def _start_one(self) -> subprocess.Popen[bytes]:
        """Pass the socket as systemd does (sd_listen_fds(3)): as descriptor 3, with two variables."""
        descriptor = self._listener.fileno()
        command = (sys.executable, "-c", _PASS_SOCKET, str(descriptor), *_GUNICORN)
        process = self._run(Program(name="web", command=command, kept_fds=(descriptor,)))
        log = self._folder / f"web-{len(self._processes) - 1}.log"
        wait_until(
            lambda: _LOADED in log.read_text() or process.poll() is not None,
            timeout_seconds=90,
            condition="gunicorn's worker has loaded the application, or gunicorn has ended",
        )
        assert process.poll() is None, log.read_text()
        return process


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/health/ready", headers={"Connection": "close"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def web_fleet(kind: type[WebFleet], environment: Mapping[str, str], folder: Path) -> Generator[WebFleet]:
    """The processes of one kind, started, and killed at the end."""
    port = ports.choose_port()
    if kind is BehindRouter:
        with tcp_router(port, port=port) as router:
            fleet: WebFleet = BehindRouter(router, port, environment, folder)
            yield from _run(fleet)
    else:
        with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
            yield from _run(OnSharedSocket(listener, environment, folder))


def _run(fleet: WebFleet) -> Generator[WebFleet]:
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.close()
