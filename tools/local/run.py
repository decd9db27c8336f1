"""`bin/run`: starts the servers that are not configured, then the product, and stops everything in order.

The demo message is sent only with the sandbox carrier. With a Twilio account, bin/run sends nothing by itself.
"""

from __future__ import annotations

import argparse
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
from tools.local.environment import LocalConfig, LocalError, read_config
from tools.local.flask_command import remove_configuration, write_configuration
from tools.local.programs import SHOWN, STOP_ORDER, Programs
from tools.local.services import Service, Services
from tools.local.terminal import LogFile, Terminal, is_routine
from tools.local.var_dir import VarDir, has_leftover_programs, is_in_use

_TICK_SECONDS = 0.1
_READY_SECONDS = 60.0


class Stopped(Exception):
    """A stop was requested."""


class Run:
    """One run of bin/run: starts, supervises and stops the programs."""

    def __init__(self, config: LocalConfig, var: VarDir, supervisor: Supervisor) -> None:
        self._config = config
        self._var = var
        self._supervisor = supervisor
        self._terminal = Terminal()
        self._logs: dict[str, LogFile] = {}
        self._demo_is_running = False

    def start(self) -> None:
        """Start everything and print the banner.

        Raises Stopped, LocalError, ProgramKeepsExiting, Refused and Unreachable.
        """
        services = Services(config=self._config, var=self._var)
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
        if self._config.queues_enabled:
            self._start(programs.workers())
        self._start(programs.clock())
        self._wait_for("the API", ApiClient(base_url=self._config.base_url, timeout_seconds=5.0).is_ready)
        write_configuration(self._var.path, environment)
        church = self._run_demo(environment) if self._config.needs_sandbox else None
        for line in banner.lines(config=self._config, var_dir=self._var.path, environment=environment, church=church):
            self._terminal.print_line(line)

    def supervise(self) -> None:
        """Restart programs that exit, until a stop is requested. Raises ProgramKeepsExiting."""
        while not self._supervisor.stop_requested:
            self._supervisor.tick(_TICK_SECONDS)

    def stop(self) -> None:
        """Stop all running programs, one after the other."""
        remove_configuration(self._var.path)
        running = self._supervisor.pids()
        for name in STOP_ORDER:
            if name in running:
                self._terminal.print_line(f"stopping {name}")
            self._supervisor.stop(name)
        self.show_logs()

    def show_logs(self) -> None:
        """Print the log lines that the programs wrote since the last call."""
        for name, log in self._logs.items():
            for line in log.new_lines():
                # The demo causes thousands of lines: while it runs, only warnings and errors are shown.
                if name in SHOWN and not (self._demo_is_running and is_routine(line)):
                    self._terminal.print_line(f"{name:<8}| {line}")

    def show_failure(self, error: ProgramKeepsExiting) -> None:
        """Print the last log lines of the program."""
        self.show_logs()
        log = self._logs.get(error.program.name)
        if log and error.program.name not in SHOWN:
            for line in log.last_lines(15):
                self._terminal.print_line(f"{error.program.name:<8}| {line}")

    def _start(self, program: Program) -> None:
        self._terminal.print_line(f"starting {program.name}")
        self._open_log(program)
        self._supervisor.start(program)

    def _open_log(self, program: Program) -> LogFile:
        assert program.output is not None  # noqa: S101 - every program here has one
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

    def _run_demo(self, environment: dict[str, str]) -> DemoChurch:
        base_url = self._config.base_url
        demo = Demo(self._var.path, base_url=base_url, environment=environment, terminal=self._terminal).run()
        self._demo_is_running = True
        try:
            while True:
                next(demo)
                self._tick()
        except StopIteration as end:
            return end.value
        finally:
            self.show_logs()
            self._demo_is_running = False


_DESCRIPTION = """\
Starts the whole system on this machine and sends a demo message through a sandbox carrier. Ctrl-C stops everything.

Environment variables:
  PORT, HOST      where the API listens (default: 8000 on 127.0.0.1)
  VAR_DIR         folder for data, logs and secrets (default: var)
  DATABASE_URL    use this PostgreSQL instead of starting one
  REDIS_URL       use this Redis instead of starting one
  TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
                  use this account instead of the sandbox carrier; nothing is sent by itself
README.md lists the other settings.
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="bin/run", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    logs.configure(fmt="text", level="INFO")
    os.umask(0o077)  # only the owner may read what this process and its children write
    try:
        config = read_config()
        var = _lock_var_dir(config)
    except LocalError as error:
        return _fail(error)
    with Supervisor() as supervisor:
        run = Run(config, var, supervisor)
        supervisor.on_tick = run.show_logs
        return _run_to_end(run)


def _lock_var_dir(config: LocalConfig) -> VarDir:
    """Lock the var folder and return it. Raises LocalError, before anything is written, when the port is taken."""
    if is_in_use(config.var_dir):
        raise LocalError(
            f"another bin/run is using {config.var_dir}: stop it, or set VAR_DIR and PORT for a second one"
        )
    taken = LocalError(f"port {config.port} of {config.host} is taken: set PORT to another one")
    if not ports.is_free(config.host, config.port) and not has_leftover_programs(config.var_dir):
        raise taken
    var = VarDir(config.var_dir)
    if not ports.is_free(config.host, config.port):
        raise taken
    return var


def _run_to_end(run: Run) -> int:
    exit_status = 0
    try:
        run.start()
        run.supervise()
    except Stopped:
        pass
    except ProgramKeepsExiting as error:
        run.show_failure(error)
        exit_status = _fail(error)
    except (LocalError, Refused, Unreachable) as error:
        exit_status = _fail(error)
    run.stop()
    return exit_status


def _fail(error: Exception) -> int:
    print(f"bin/run: {error}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
