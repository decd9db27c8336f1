"""`flask queues`: the queues in Redis, what their workers do, and the due work in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.json_output import as_json_option, print_json
from api.commands.support.queue_findings import age, find_problems
from api.commands.support.queue_report import DueWork, QueueReport, read_report
from api.commands.support.tables import print_table
from jobs.job_queue.queue_states import QueueState, QueueStates, WorkerState
from store.due_work import MOST_COUNTED, ChannelWork

_QUEUE_HEADINGS = ("QUEUE", "WAITING", "OLDEST", "RUNNING", "RETRYING", "FAILED", "WORKERS")
_DUE_HEADINGS = ("CHANNEL", "MESSAGES", "DELIVERIES", "OLDEST", "WAIT FOR", "IN FLIGHT", "IN DOUBT")


@click.command("queues")
@as_json_option
@click.pass_context
@with_appcontext
def queues(context: click.Context, as_json: bool) -> None:
    """Show the queues, their workers, and what is due.

    The queues are in Redis, what is due is in PostgreSQL: the clock enqueues due work within a second or two. If one
    of the two does not answer, the other is shown, and the exit status is 1.
    """
    report = read_report()
    problems = find_problems(report)
    if as_json:
        print_json({"report": report, "findings": problems})
    else:
        _echo_queues(report)
        _echo_due(report)
        click.echo(
            "\n" + "\n".join(f"! {problem}" for problem in problems) if problems else "\nNothing needs attention."
        )
    if report.queues_problem or report.due_problem:
        context.exit(1)


def _echo_queues(report: QueueReport) -> None:
    if report.queues is None:
        click.echo(f"Queues: {report.queues_problem or 'switched off (ENABLE_QUEUES=false).'}")
        return
    now = datetime.now(UTC)
    print_table(_QUEUE_HEADINGS, [_queue(each, report.queues, now) for each in report.queues.queues])
    names = report.due.church_names if report.due else {}
    click.echo()
    workers = [
        (queue.name, *_worker(each, names, now)) for queue in report.queues.queues for each in queue.worker_states
    ]
    if workers:
        print_table(("QUEUE", "WORKER", "DOES"), workers)


def _queue(queue: QueueState, states: QueueStates, now: datetime) -> tuple[str, ...]:
    workers = _number(queue.workers) + (" (suspended)" if states.suspended else "")
    return (
        queue.name,
        _number(queue.waiting),
        age(queue.oldest_since, now),
        _number(queue.running),
        _number(queue.scheduled),
        _number(queue.failed),
        workers,
    )


def _worker(worker: WorkerState, names: Mapping[UUID, str], now: datetime) -> tuple[str, str]:
    does = worker.state
    if worker.call is not None:
        does = worker.call.name
        if worker.call.church_id is not None:
            does += f" for {names.get(worker.call.church_id, str(worker.call.church_id))}"
        does += f" ({age(worker.running_since, now)})"
    return f"{worker.host} {worker.pid}", does


def _echo_due(report: QueueReport) -> None:
    if report.due is None:
        click.echo(f"\nDue: {report.due_problem}")
        return
    click.echo("\nDue in PostgreSQL")
    print_table(_DUE_HEADINGS, [_channel(each, report.due) for each in report.due.channels])
    receipts = report.due.receipts
    click.echo(
        f"Receipts to apply: {_counted(receipts.receipts)}, oldest {age(receipts.oldest_since, report.due.read_at)}"
    )


def _channel(work: ChannelWork, due: DueWork) -> tuple[str, ...]:
    since = [each for each in (work.oldest_since, work.oldest_message_since) if each is not None]
    return (
        work.channel,
        _counted(work.messages),
        _counted(work.deliveries),
        age(min(since, default=None), due.read_at),
        ", ".join(f"{each.waits_for} {_counted(each.deliveries)}" for each in work.due) or "-",
        _counted(work.in_flight),
        _counted(work.in_doubt),
    )


def _number(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _counted(number: int) -> str:
    return f"{number:,}" + ("+" if number >= MOST_COUNTED else "")
