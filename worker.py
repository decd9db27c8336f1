"""Starts worker processes: `python worker.py` one for each queue, `python worker.py sms --processes 4` four for one.

Any number of these may run, on any number of hosts. SIGTERM or Ctrl-C lets running jobs finish; a second one does not
wait for them. With ENABLE_QUEUES=false there are no queues: the process logs that and waits for SIGTERM, because a host
that restarts a worker whenever it exits would restart it forever.
"""

from __future__ import annotations

import argparse
import sys

import logs
from jobs.job_queue.queues import enabled_queues
from jobs.start_up import StartRefused, check_before_start
from processes.child_process import Program
from processes.supervisor import Supervisor
from settings import SettingsError, load_settings

_log = logs.get_logger(__name__)


def programs(queues: tuple[str, ...], *, processes: int, drain_seconds: float) -> list[Program]:
    """`processes` children for each queue. Each serves one queue: a worker that serves several can lose jobs."""
    return [
        Program(
            name=queue if processes == 1 else f"{queue}-{number}",
            command=(sys.executable, "-m", "jobs.worker.run_worker", queue),
            drain_seconds=drain_seconds,
        )
        for queue in queues
        for number in range(1, processes + 1)
    ]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Serve the queues until stopped.")
    parser.add_argument(
        "queues", nargs="*", metavar="queue", help="a queue to serve, such as sms (default: all that are enabled)"
    )
    parser.add_argument("--processes", type=int, default=1, help="processes for each queue (default: 1)")
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=60.0,
        help="how long running jobs have to finish after a stop was requested (default: 60)",
    )
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
    except SettingsError as error:
        parser.exit(2, f"{error}\n")
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    enabled = enabled_queues(settings)
    queues = tuple(options.queues) or enabled
    if unknown := set(queues) - set(enabled):
        parser.error(f"not an enabled queue: {', '.join(sorted(unknown))} (enabled: {', '.join(enabled)})")
    if options.processes < 1:
        parser.error("--processes must be at least 1")
    try:
        check_before_start(settings)
    except StartRefused as error:
        parser.exit(1, f"worker: {error}\n")
    if not settings.enable_queues:
        return _idle()
    with Supervisor() as supervisor:
        children = programs(queues, processes=options.processes, drain_seconds=options.drain_seconds)
        for child in children:
            supervisor.start(child)
        _log.info("Queue system initialized")
        _log.info(f"Total workers: {len(children)}")
        supervisor.run()
        supervisor.stop(*(child.name for child in children))
    return 0


def _idle() -> int:
    """Without queues: wait for SIGTERM or Ctrl-C."""
    with Supervisor() as supervisor:
        _log.info("ENABLE_QUEUES is false: jobs run in the web and clock processes; this worker only waits for SIGTERM")
        supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
