"""`bin/chaos`: the whole system against the sandbox carrier, with everything killed that can be killed.

Exit status: 0 nothing lost, doubled, mixed up or miscounted; 1 something was; 2 the run itself did not work.
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

from tools.chaos.parameters import Ablation, Parameters
from tools.chaos.plan import make_plan
from tools.chaos.run import Run
from tools.chaos.settling import Patience
from tools.chaos.system import NotStarted
from tools.local.api_client import Refused, Unreachable
from tools.local.environment import LocalError
from tools.sandbox.control import SandboxError
from tools.sandbox.mail.control import MailSandboxError

_BESIDES_SECONDS = 600.0
"""What a run may take beside its mischief and its settling, before it is ended whatever it is doing."""


class Ended(BaseException):
    """From outside, or because it took too long. Not an Exception: nobody handles it on the way out."""


def main(arguments: list[str]) -> int:
    options = _read(arguments)
    parameters = _parameters(options)
    if options.show_plan:
        for event in make_plan(parameters):
            _say(str(event))
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _end)
    settle_seconds = options.settle_seconds or Patience.longest_seconds + parameters.deliveries / 100
    signal.alarm(int(parameters.mischief_seconds + settle_seconds + _BESIDES_SECONDS))
    folder = Path(tempfile.mkdtemp(prefix="koinonia-chaos-"))
    patience = Patience(longest_seconds=settle_seconds, still_seconds=options.still_seconds)
    exit_status = 2
    try:
        report = Run(parameters=parameters, folder=folder, patience=patience, say=_say).execute()
        for line in report.lines():
            _say(line)
        exit_status = 0 if report.is_good else 1
    except (NotStarted, LocalError, Refused, Unreachable, psycopg.Error, SandboxError, MailSandboxError) as error:
        _say(f"chaos: {type(error).__name__}: {error}")
    except Ended as end:
        _say(f"chaos: ended by {end}")
    finally:
        if exit_status == 0 and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _say(f"chaos: logs are in {folder}; the same again with --seed {parameters.seed}")
    return exit_status


def _read(arguments: list[str]) -> argparse.Namespace:
    usual = Parameters()
    parser = argparse.ArgumentParser(
        prog="bin/chaos",
        description=(__doc__ or "").partition("\n")[0],
        epilog="The seed and the numbers make the plan.",
    )
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--deliveries", type=int, default=usual.deliveries)
    parser.add_argument("--minutes", type=float, help="of mischief (default: by the number of deliveries)")
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
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(usual, name), metavar="N")
    parser.add_argument(
        "--ablate", type=Ablation, action="append", default=[], help="reconcile, sweep: the run must fail"
    )
    parser.add_argument(
        "--settle-seconds", type=float, help="patience afterwards (default: by the number of deliveries)"
    )
    parser.add_argument("--still-seconds", type=float, default=Patience.still_seconds, help="... while nothing moves")
    parser.add_argument("--show-plan", action="store_true", help="print what would go wrong, and when")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args(arguments)


def _parameters(options: argparse.Namespace) -> Parameters:
    minutes = options.minutes or max(0.5, options.deliveries / 6_000)
    return Parameters(
        seed=options.seed,
        deliveries=options.deliveries,
        churches=options.churches,
        mischief_seconds=60.0 * minutes,
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


def _end(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(other, signal.SIG_IGN)  # leaving in order is already under way
    raise Ended(signal.Signals(number).name)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
