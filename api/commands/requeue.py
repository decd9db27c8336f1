"""`flask requeue`: runs failed jobs again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import click
from flask.cli import with_appcontext
from psycopg import Connection
from redis import Redis
from rq.exceptions import InvalidJobOperation, NoSuchJobError

from api.commands.support.command_actor import command_actor
from api.commands.support.failed_job_list import open_failed, read_selected
from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.requeue_outlooks import DescribedJob, describe
from api.commands.support.tables import printable
from api.commands.support.transaction import transaction
from jobs.job_queue import failed_jobs
from jobs.job_queue.failed_jobs import FailedJob, find_failed
from jobs.job_queue.failure_reasons import KINDS
from store import audit

_AT_ONCE = 100
_SHOWN = 50
"""The most jobs that get a line of their own."""


@click.command("requeue")
@click.argument("job_ids", nargs=-1, metavar="[JOB_ID]...")
@click.option("--reason", "reasons", multiple=True, type=click.Choice(list(KINDS)), help="All with this reason.")
@click.option("--church", "church_id", type=ChurchId(), help="With --reason or --all: only jobs of this church.")
@click.option("--all", "everything", is_flag=True, help="All failed jobs.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
@with_appcontext
def requeue(
    context: click.Context,
    job_ids: tuple[str, ...],
    reasons: tuple[str, ...],
    church_id: object,
    everything: bool,
    dry_run: bool,
) -> None:
    """Run failed jobs again.

    `flask failed` lists them and their reasons. Nobody gets a message twice: a job sends only what is not sent yet. A
    job that disappeared meanwhile is skipped. The exit status is 1 if a job that was named could not be requeued.
    """
    if bool(job_ids) + bool(reasons) + everything != 1:
        raise BadInput("Name the jobs, or select them with --reason, or all with --all. `flask failed` lists them.")
    if job_ids and church_id is not None:
        raise BadInput("--church selects among the jobs of --reason or --all.")
    with open_failed() as (redis, names):
        if job_ids:
            found = {job_id: find_failed(redis, names, job_id) for job_id in dict.fromkeys(job_ids)}
            missing = [job_id for job_id, job in found.items() if job is None]
            jobs = [job for job in found.values() if job is not None]
        else:
            missing, jobs = [], read_selected(redis, names, reasons=reasons, church_id=church_id).jobs
        lines = _Lines()
        for job_id in missing:
            lines.add("not found", f"{job_id}: not among the failed jobs. It was requeued, removed, or never existed")
        for described in _in_slices(redis, jobs, dry_run=dry_run):
            lines.add(*described)
    lines.echo_summary(dry_run=dry_run)
    if job_ids and lines.counts["requeued"] + lines.counts["would be requeued"] < len(set(job_ids)):
        context.exit(1)


class _Lines:
    """Prints one line for each job, but not thousands, and counts all."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, outcome: str, line: str) -> None:
        self.counts[outcome] += 1
        if self.counts.total() <= _SHOWN:
            click.echo(printable(line))
        elif self.counts.total() == _SHOWN + 1:
            click.echo("…")

    def echo_summary(self, *, dry_run: bool) -> None:
        if not self.counts:
            click.echo("No failed job matches. A failed job is removed when its sender is set or resumed.")
            return
        click.echo(", ".join(f"{count:,} {outcome}" for outcome, count in self.counts.most_common()) + ".")
        if dry_run:
            click.echo("Nothing was changed (--dry-run).")


def _in_slices(redis: Redis, jobs: Sequence[FailedJob], *, dry_run: bool) -> Iterator[tuple[str, str]]:
    """Requeue the jobs slice by slice. Yield what became of each, and the line that says so.

    A command that is killed leaves the other jobs among the failed ones.
    """
    remaining = iter(jobs)
    while slice_of_jobs := list(islice(remaining, _AT_ONCE)):
        with transaction() as connection:
            described = describe(connection, slice_of_jobs)
            if not dry_run:
                for each in described:
                    _record(connection, each)
        for each in described:
            yield _requeue(redis, each, dry_run=dry_run)


def _record(connection: Connection[Any], described: DescribedJob) -> None:
    """Record the requeue before it is done: none is done without a record."""
    call = described.job.call
    if call is not None:
        audit.record(
            connection,
            actor=command_actor(),
            action="job.requeued",
            subject=described.job.job_id,
            church_id=call.church_id if described.church_name is not None else None,
            details={"job": call.name, "queue": described.job.queue, "reason": described.job.reason.kind},
        )


def _requeue(redis: Redis, described: DescribedJob, *, dry_run: bool) -> tuple[str, str]:
    job_id = described.job.job_id
    if not described.would_run:
        return "skipped", f"{job_id}: skipped, a worker would refuse it again. Delete it at /rq"
    if dry_run:
        return "would be requeued", f"{job_id}: would be requeued. {described.outlook}"
    try:
        failed_jobs.requeue(redis, job_id, queue=described.job.queue)
    except NoSuchJobError:
        return "disappeared", f"{job_id}: disappeared meanwhile"
    except InvalidJobOperation:
        return "requeued by somebody else", f"{job_id}: was just requeued or removed by somebody else"
    return "requeued", f"{job_id}: requeued. {described.outlook}"
