"""`worker.py`, but it starts workers with failpoints: `python -m tools.chaos.worker.worker_supervisor … sms`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import worker
from processes.child_process import Program


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.chaos.worker.worker_supervisor", allow_abbrev=False)
    parser.add_argument("--failpoints", required=True)
    parser.add_argument("--any-queue-after-seconds", required=True)
    parser.add_argument("--ablate", action="append", default=[])
    options, worker_arguments = parser.parse_known_args(arguments)
    failpoint_options = ["--failpoints", options.failpoints]
    failpoint_options += ["--any-queue-after-seconds", options.any_queue_after_seconds]
    failpoint_options += [word for ablation in options.ablate for word in ("--ablate", ablation)]
    command = (sys.executable, "-m", "tools.chaos.worker.worker_process", *failpoint_options)
    programs = worker.programs

    def programs_with_failpoints(queues: tuple[str, ...], *, processes: int, drain_seconds: float) -> list[Program]:
        return [
            replace(program, command=(*command, program.command[-1]))
            for program in programs(queues, processes=processes, drain_seconds=drain_seconds)
        ]

    worker.programs = programs_with_failpoints
    return worker.main(worker_arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
