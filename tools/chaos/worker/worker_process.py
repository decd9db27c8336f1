"""One worker process with failpoints: `python -m tools.chaos.worker.worker_process --failpoints FOLDER … sms`.

It runs the product's worker after wrapping some functions that the jobs call.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from channels.mail import carrier as mail_carrier
from jobs.worker import run_worker
from tools.chaos.parameters import Ablation
from tools.chaos.worker.ablations import ignore_opt_outs, resend_in_doubt
from tools.chaos.worker.armed_failpoints import ArmedFailpoints
from tools.chaos.worker.install_failpoints import install_failpoints

MAIL_BACKOFF_SECONDS = 1.0


def shorten_mail_backoff() -> None:
    """Retry a deferred mail soon. The product has no setting for this because production never needs a short one."""
    mail_carrier.FIRST_BACKOFF_SECONDS = MAIL_BACKOFF_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.chaos.worker.worker_process", description="Serve one queue until killed."
    )
    parser.add_argument("--failpoints", type=Path, required=True)
    parser.add_argument("--any-queue-after-seconds", type=float, required=True)
    parser.add_argument("--ablate", type=Ablation, action="append", default=[])
    parser.add_argument("queue")
    options = parser.parse_args()
    shorten_mail_backoff()
    install_failpoints(
        ArmedFailpoints(
            folder=options.failpoints,
            queue=options.queue,
            any_queue_after_seconds=options.any_queue_after_seconds,
        )
    )
    if Ablation.RECONCILE in options.ablate:
        resend_in_doubt()
    if Ablation.OPT_OUTS in options.ablate:
        ignore_opt_outs()
    sys.argv[1:] = [options.queue]
    run_worker.main()


if __name__ == "__main__":
    main()
