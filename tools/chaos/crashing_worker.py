"""A worker that can be made to die at a named point: `python -m tools.chaos.crashing_worker --traps FOLDER sms`.

It is the product's own worker; what the jobs call is wrapped from outside.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from channels.mail import carrier as mail_carrier
from jobs.worker import run_worker
from tools.chaos.ablations import resend_in_doubt
from tools.chaos.parameters import Ablation
from tools.chaos.traps import Traps
from tools.chaos.watches import set_traps

MAIL_PAUSE_SECONDS = 1.0


def hurry() -> None:
    """A mail that was put off is tried again soon. It is no setting: outside a run nobody wants it short."""
    mail_carrier.FIRST_BACKOFF_SECONDS = MAIL_PAUSE_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.chaos.crashing_worker", description="Serve one queue until killed."
    )
    parser.add_argument("--traps", type=Path, required=True)
    parser.add_argument("--patience-seconds", type=float, required=True)
    parser.add_argument("--ablate", type=Ablation, action="append", default=[])
    parser.add_argument("queue")
    options = parser.parse_args()
    hurry()
    set_traps(Traps(folder=options.traps, queue=options.queue, patience_seconds=options.patience_seconds))
    if Ablation.RECONCILE in options.ablate:
        resend_in_doubt()
    sys.argv[1:] = [options.queue]
    run_worker.main()


if __name__ == "__main__":
    main()
