"""Run the whole system against the sandbox carrier, inject faults, and compare what each side recorded.

Exit status: 0 nothing is lost, doubled, mismatched, miscounted or faster than its pace, and nobody was written to after
their STOP; 1 something is; 2 the run itself did not work.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import psycopg

from tools.chaos.await_idle import IdleLimits
from tools.chaos.fault_run import FaultRun
from tools.chaos.faults.fault_plan import make_fault_plan
from tools.chaos.parameters import Ablation, Parameters
from tools.chaos.system.system import NotStarted
from tools.chaos.workload.planned_paced_churches import count_paced_deliveries
from tools.local.api_client import Refused, Unreachable
from tools.local.environment import LocalError
from tools.sandbox.control import SandboxError
from tools.sandbox.mail.control import MailSandboxError

_OVERHEAD_SECONDS = 600.0
"""A run is aborted when it takes this much longer than the faults and the wait for idle."""


class Aborted(BaseException):
    """By a signal, or by the time limit. Not an Exception, so that nothing handles it on the way out."""


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    parameters = _parameters(options)
    if options.show_plan:
        for fault in make_fault_plan(parameters):
            _print_line(str(fault))
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _abort)
    deliveries = parameters.deliveries + count_paced_deliveries(parameters)
    max_idle_seconds = options.idle_timeout_seconds or IdleLimits.max_seconds + deliveries / 100
    signal.alarm(int(parameters.fault_seconds + max_idle_seconds + _OVERHEAD_SECONDS))
    folder = Path(tempfile.mkdtemp(prefix="koinonia-chaos-"))
    limits = IdleLimits(max_seconds=max_idle_seconds, unchanged_seconds=options.unchanged_seconds)
    exit_status = 2
    try:
        run = FaultRun(parameters=parameters, folder=folder, idle_limits=limits, print_line=_print_line)
        report = run.execute()
        for line in report.lines():
            _print_line(line)
        exit_status = 0 if report.is_passed else 1
    except (NotStarted, LocalError, Refused, Unreachable, psycopg.Error, SandboxError, MailSandboxError) as error:
        _print_line(f"chaos: {type(error).__name__}: {error}")
    except Aborted as aborted:
        _print_line(f"chaos: aborted by {aborted}")
    finally:
        if exit_status == 0 and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _print_line(f"chaos: the logs are in {folder}; repeat the run with --seed {parameters.seed}")
    return exit_status


def _parse(arguments: list[str]) -> argparse.Namespace:
    default = Parameters()
    parser = argparse.ArgumentParser(
        prog="bin/chaos",
        description=(__doc__ or "").partition("\n")[0],
        epilog="The same seed and numbers give the same plan.",
    )
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument(
        "--deliveries",
        type=int,
        default=default.deliveries,
        help="how many, without those of --paced-churches (default: %(default)s)",
    )
    parser.add_argument(
        "--minutes", type=float, help="how long to inject faults (default: by the number of deliveries)"
    )
    parser.add_argument(
        "--paced-churches",
        type=int,
        default=default.paced_churches,
        metavar="N",
        help="small churches with a pace of 0.5 to 1.5 segments a second, most of which begin to send at the same "
        "moment and have enough for 0.55 of the minutes; they send besides --deliveries (default: %(default)s)",
    )
    parser.add_argument(
        "--opt-outs",
        type=int,
        default=default.opt_outs,
        metavar="N",
        help="people who write STOP, START, HELP or a reply while they are texted, most of them STOP "
        "(default: %(default)s)",
    )
    for name in (
        "churches",
        "kills",
        "redis_restarts",
        "flushes",
        "postgres_restarts",
        "redis_stalls",
        "postgres_stalls",
        "episodes",
        "mail_episodes",
        "requeues",
        "schedules",
        "set_backs",
        "stalls",
    ):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(default, name), metavar="N")
    parser.add_argument(
        "--ablate",
        type=Ablation,
        action="append",
        default=[],
        help="disable a part of the product's safety (opt-outs, reconcile, sweep): the run must fail",
    )
    parser.add_argument(
        "--idle-timeout-seconds",
        type=float,
        help="how long to wait afterwards until the system is idle (default: by the number of deliveries)",
    )
    parser.add_argument(
        "--unchanged-seconds",
        type=float,
        default=IdleLimits.unchanged_seconds,
        help="end that wait when nothing has changed for this long (default: %(default)s)",
    )
    parser.add_argument("--show-plan", action="store_true", help="print the planned faults and exit")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args(arguments)


def _parameters(options: argparse.Namespace) -> Parameters:
    minutes = options.minutes or max(0.5, options.deliveries / 6_000)
    return Parameters(
        seed=options.seed,
        deliveries=options.deliveries,
        churches=options.churches,
        paced_churches=options.paced_churches,
        opt_outs=options.opt_outs,
        fault_seconds=60.0 * minutes,
        kills=options.kills,
        redis_restarts=options.redis_restarts,
        flushes=options.flushes,
        postgres_restarts=options.postgres_restarts,
        redis_stalls=options.redis_stalls,
        postgres_stalls=options.postgres_stalls,
        episodes=options.episodes,
        mail_episodes=options.mail_episodes,
        requeues=options.requeues,
        schedules=options.schedules,
        set_backs=options.set_backs,
        stalls=options.stalls,
        ablations=frozenset(options.ablate),
    )


def _abort(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(other, signal.SIG_IGN)  # do not interrupt the clean-up
    raise Aborted(signal.Signals(number).name)


def _print_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
