"""`bin/run`: starts what is not configured, then the product; stops everything in order.

With a Twilio account nothing is ever sent that nobody asked for: the demo belongs to the sandbox carrier.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import logs
from processes.child_process import Program
from processes.supervisor import ProgramKeepsExiting, Supervisor
from tools.local import banner, ports
from tools.local.api_client import ApiClient, Refused, Unreachable
from tools.local.demo import Demo
from tools.local.demo_church import DemoChurch
from tools.local.environment import Local, LocalError, read_local
from tools.local.flask_command import remove_configuration, write_configuration
from tools.local.programs import SHOWN, STOP_ORDER, Programs
from tools.local.services import Service, Services
from tools.local.terminal import LogFile, Terminal, is_routine
from tools.local.var_dir import VarDir, is_winding_down

_TICK_SECONDS = 0.1
_READY_SECONDS = 60.0


class Stopped(Exception):
    """A stop was asked for."""


class Run:
    """One bin/run, from the first program to the last."""

    def __init__(self, local: Local, var: VarDir, supervisor: Supervisor) -> None:
        self._local = local
        self._var = var
        self._supervisor = supervisor
        self._terminal = Terminal()
        self._logs: dict[str, LogFile] = {}
        self._demo_plays = False

    def start(self) -> None:
        """Everything up to the banner. Raises Stopped, LocalError, ProgramKeepsExiting, Refused, Unreachable."""
        services = Services(local=self._local, var=self._var)
        services.check_redis()
        waiting: list[Service] = []
        for service in services.all():
            self._start(service.program)
            waiting.append(service)
        for service in waiting:
            self._wait_for(service.program.name, service.is_ready)
        environment = services.environment()
        programs = Programs(var=self._var, environment=environment)
        self._migrate(programs.migrate())
        self._start(programs.api())
        if self._local.queues_enabled:
            self._start(programs.workers())
        self._start(programs.clock())
        self._wait_for("the API", ApiClient(base_url=self._local.base_url, timeout_seconds=5.0).is_ready)
        write_configuration(self._var.path, environment)
        church = self._play_demo(environment) if self._local.needs_sandbox else None
        for line in banner.lines(local=self._local, var_dir=self._var.path, environment=environment, church=church):
            self._terminal.say(line)

    def go_on(self) -> None:
        """Keep everything alive until a stop is asked for. Raises ProgramKeepsExiting."""
        while not self._supervisor.stop_requested:
            self._supervisor.tick(_TICK_SECONDS)

    def stop(self) -> None:
        """End everything that runs, one after the other."""
        remove_configuration(self._var.path)
        running = self._supervisor.pids()
        for name in STOP_ORDER:
            if name in running:
                self._terminal.say(f"stopping {name}")
            self._supervisor.stop(name)
        self.show_logs()

    def show_logs(self) -> None:
        """Bring what the programs wrote since the last time to the terminal."""
        for name, log in self._logs.items():
            for line in log.new_lines():
                # A thousand texts make thousands of lines: while the demo counts them, only what is amiss is shown.
                if name in SHOWN and not (self._demo_plays and is_routine(line)):
                    self._terminal.say(f"{name:<8}| {line}")

    def explain(self, error: ProgramKeepsExiting) -> None:
        """What the program itself said last."""
        self.show_logs()
        log = self._logs.get(error.program.name)
        if log and error.program.name not in SHOWN:
            for line in log.last_lines(15):
                self._terminal.say(f"{error.program.name:<8}| {line}")

    def _start(self, program: Program) -> None:
        self._terminal.say(f"starting {program.name}")
        self._open_log(program)
        self._supervisor.start(program)

    def _open_log(self, program: Program) -> LogFile:
        assert program.output is not None  # noqa: S101 - every program here is given one
        log = self._logs[program.name] = LogFile(program.output)
        return log

    def _wait_for(self, what: str, is_ready: Callable[[], bool]) -> None:
        for _ in range(int(_READY_SECONDS / _TICK_SECONDS)):
            if is_ready():
                return
            self._tick()
        raise LocalError(f"{what} is not ready after {_READY_SECONDS:.0f} s; see {self._var.logs}")

    def _tick(self) -> None:
        self._supervisor.tick(_TICK_SECONDS)
        if self._supervisor.stop_requested:
            raise Stopped

    def _migrate(self, program: Program) -> None:
        log = self._open_log(program)
        exit_status = self._supervisor.run_once(program)
        if exit_status is None:
            raise Stopped
        if exit_status != 0:
            raise LocalError("\n".join(log.last_lines(15)) or "the migrations failed")

    def _play_demo(self, environment: dict[str, str]) -> DemoChurch:
        base_url = self._local.base_url
        demo = Demo(self._var.path, base_url=base_url, environment=environment, terminal=self._terminal).play()
        self._demo_plays = True
        try:
            while True:
                next(demo)
                self._tick()
        except StopIteration as end:
            return end.value
        finally:
            self.show_logs()
            self._demo_plays = False


def main() -> int:
    logs.configure(fmt="text", level="INFO")
    os.umask(0o077)  # whatever this process and its children write is for its owner alone
    try:
        local = read_local()
        var = _claim(local)
    except LocalError as error:
        return _fail(error)
    with Supervisor() as supervisor:
        run = Run(local, var, supervisor)
        supervisor.on_tick = run.show_logs
        return _live(run)


def _claim(local: Local) -> VarDir:
    """The var folder, locked, once it is sure that the port is free: until then nothing is touched."""
    taken = LocalError(f"port {local.port} of {local.host} is taken: set PORT to another")
    if not ports.is_free(local.host, local.port) and not is_winding_down(local.var_dir):
        raise taken
    var = VarDir(local.var_dir)
    if not ports.is_free(local.host, local.port):
        raise taken
    return var


def _live(run: Run) -> int:
    exit_status = 0
    try:
        run.start()
        run.go_on()
    except Stopped:
        pass
    except ProgramKeepsExiting as error:
        run.explain(error)
        exit_status = _fail(error)
    except (LocalError, Refused, Unreachable) as error:
        exit_status = _fail(error)
    run.stop()
    return exit_status


def _fail(error: Exception) -> int:
    print(f"bin/run: {error}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
