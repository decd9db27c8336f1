"""`flask failed`: the failed jobs, why they failed, and what a requeue will do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from api.commands.support.failed_job_list import open_failed, read_selected
from api.commands.support.json_output import as_json_option, print_json
from api.commands.support.option_types import ChurchId
from api.commands.support.requeue_outlooks import DescribedJob, describe, describe_without_database
from api.commands.support.tables import print_table, printable, shown_time
from api.commands.support.transaction import transaction
from jobs.job_queue.failed_jobs import MOST_READ, FailedJob
from jobs.job_queue.failure_reasons import KINDS
from store.timeouts import OVERVIEW


@click.command("failed")
@click.option("--reason", "reasons", multiple=True, type=click.Choice(list(KINDS)), help="Only with this reason.")
@click.option("--church", "church_id", type=ChurchId(), help="Only jobs of this church.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_READ), default=20, show_default=True, help="The most that are shown."
)
@as_json_option
@with_appcontext
def failed(reasons: tuple[str, ...], church_id: object, limit: int, as_json: bool) -> None:
    """Show failed jobs, and what a requeue will do.

    The newest first. `flask requeue` runs them again.
    """
    with open_failed() as names_and_redis:
        found = read_selected(*names_and_redis, reasons=reasons, church_id=church_id)
    shown, problem = _described(found.jobs[:limit])
    by_reason = Counter(job.reason.kind for job in found.jobs)
    if as_json:
        print_json({"failed": len(found.jobs), "byReason": by_reason, "jobs": [_plain(each) for each in shown]})
        return
    if not found.jobs:
        click.echo("No job failed." if not reasons and church_id is None else "No failed job matches.")
        return
    print_table(("JOBS", "REASON", "MEANING"), [(f"{n:,}", kind, KINDS[kind]) for kind, n in by_reason.most_common()])
    for each in shown:
        _echo(each)
    if problem:
        click.echo(f"\n! {problem}")
    if len(found.jobs) > len(shown):
        click.echo(
            f"\nThe newest {len(shown):,} of {len(found.jobs):,}: --limit shows more, --reason and --church select."
        )
    if found.is_cut:
        click.echo(f"Only the newest {MOST_READ:,} of each queue were read.")
    click.echo("\nRun them again: flask requeue JOB_ID, or flask requeue --reason REASON")


def _described(jobs: Sequence[FailedJob]) -> tuple[list[DescribedJob], str | None]:
    """Return the jobs with what the database knows, or the reason why it cannot be read."""
    try:
        with transaction(timeouts=OVERVIEW) as connection:
            return describe(connection, jobs), None
    except click.ClickException as error:
        return describe_without_database(jobs), error.message


def _echo(described: DescribedJob) -> None:
    job = described.job
    runs = "1 run" if job.runs == 1 else f"{job.runs} runs"
    does = "" if job.call is None else f"{job.call.name}, "
    church = f", {described.church_name}" if described.church_name else ""
    click.echo(f"\n{job.job_id}")
    click.echo(
        f"  When:    {shown_time(job.failed_at, missing='unknown')}, {does}queue {job.queue}, {runs}{printable(church)}"
    )
    click.echo(f"  Reason:  {printable(described.reason)} [{job.reason.kind}]")
    click.echo(f"  Requeue: {printable(described.outlook)}")


def _plain(described: DescribedJob) -> dict[str, object]:
    job = described.job
    return {
        "jobId": job.job_id,
        "queue": job.queue,
        "job": None if job.call is None else job.call.name,
        "churchId": None if job.call is None else job.call.church_id,
        "churchName": described.church_name,
        "channel": None if job.call is None else job.call.channel,
        "failedAt": job.failed_at,
        "runs": job.runs,
        "reason": job.reason.kind,
        "detail": described.reason,
        "requeue": described.outlook,
    }
