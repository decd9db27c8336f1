"""Reads everything that is compared, once all is quiet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.chaos.churches import Church
from tools.chaos.evidence import ApiCounts, Evidence
from tools.chaos.hiring import Hired
from tools.chaos.mailbox import read_mails
from tools.chaos.schedules import Way
from tools.chaos.staff import Accepted
from tools.chaos.system import System
from tools.chaos.tables import RunRow, Tables
from tools.local.api_client import ApiClient, Refused, Unreachable


def gather(system: System, tables: Tables, hired: Hired) -> Evidence:
    """Raises psycopg.Error, SandboxError, MailSandboxError."""
    runs = tables.runs()
    accepted = [*hired.staff.accepted, *_made_by_rules(hired, runs)]
    deliveries, messages = tables.deliveries(), tables.messages()
    counts = {
        one.message_id: counts
        for one in accepted
        if (counts := _ask_counts(system, hired.churches[one.post.church], one.message_id))
    }
    return Evidence(
        accepted=accepted,
        schedules=hired.schedules,
        runs=runs,
        messages=messages,
        deliveries=deliveries,
        # Last: what the tables say was sent must be in them.
        ledger=system.sandbox.ledger(),
        mails=read_mails(system.mail_sandbox),
        api_counts=counts,
    )


def _made_by_rules(hired: Hired, runs: Sequence[RunRow]) -> Iterator[Accepted]:
    """The messages that schedules became: accepted with them, and to be sent as any other."""
    by_rule = {kept.schedule_id: kept.schedule for kept in hired.schedules if kept.schedule.way is not Way.BY_HAND}
    for run in runs:
        if run.message_id is not None and run.schedule_id in by_rule:
            yield Accepted(message_id=run.message_id, post=by_rule[run.schedule_id].post)


def _ask_counts(system: System, church: Church, message_id: str) -> ApiCounts | None:
    api = ApiClient(base_url=system.api_url, key=church.key, timeout_seconds=30.0)
    try:
        return api.get(f"/api/messages/{message_id}")["counts"]
    except (Refused, Unreachable):
        return None
