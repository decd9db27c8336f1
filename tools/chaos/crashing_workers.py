"""`worker.py` with crashing workers: `python -m tools.chaos.crashing_workers --traps FOLDER sms --processes 3`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import worker
from processes.child_process import Program


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.chaos.crashing_workers", allow_abbrev=False)
    parser.add_argument("--traps", required=True)
    parser.add_argument("--patience-seconds", required=True)
    parser.add_argument("--ablate", action="append", default=[])
    options, rest = parser.parse_known_args(arguments)
    inner = ["--traps", options.traps, "--patience-seconds", options.patience_seconds]
    inner += [word for ablation in options.ablate for word in ("--ablate", ablation)]
    programs = worker.programs

    def crashing_programs(queues: tuple[str, ...], *, processes: int, drain_seconds: float) -> list[Program]:
        return [
            replace(program, command=(sys.executable, "-m", "tools.chaos.crashing_worker", *inner, program.command[-1]))
            for program in programs(queues, processes=processes, drain_seconds=drain_seconds)
        ]

    worker.programs = crashing_programs
    return worker.main(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
