"""Reads everything that is compared, once the system is idle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.chaos.comparison.received_mails import read_received_mails
from tools.chaos.comparison.snapshot import ApiCounts, Snapshot
from tools.chaos.system.consent_tables import ConsentTables
from tools.chaos.system.product_tables import ProductTables, ScheduleRunRow
from tools.chaos.system.system import System
from tools.chaos.workload.api_clients import AcceptedMessage
from tools.chaos.workload.churches import Church
from tools.chaos.workload.planned_schedules import Trigger
from tools.chaos.workload.set_up import Workload
from tools.local.api_client import ApiClient, Refused, Unreachable


def take_snapshot(system: System, tables: ProductTables, workload: Workload) -> Snapshot:
    """Raises psycopg.Error, SandboxError, MailSandboxError."""
    runs = tables.runs()
    accepted = [*workload.clients.accepted, *_messages_of_schedules(workload, runs)]
    deliveries, messages = tables.deliveries(), tables.messages()
    counts = {
        each.message_id: counts
        for each in accepted
        if (counts := _read_counts(system, workload.churches[each.planned.church], each.message_id))
    }
    consent = ConsentTables(system.superuser_url)
    return Snapshot(
        churches=workload.churches,
        accepted=accepted,
        schedules=workload.schedules,
        runs=runs,
        messages=messages,
        deliveries=deliveries,
        # After the tables: what they record as sent must already be in the ledgers.
        ledger=system.sandbox.ledger(),
        mails=read_received_mails(system.mail_sandbox),
        api_counts=counts,
        decisions=consent.decisions(),
        written=workload.writers.written,
        inbound=consent.inbound_messages(),
        consent_events=consent.consent_events(),
        opt_outs=consent.opt_outs(),
    )


def _messages_of_schedules(workload: Workload, runs: Sequence[ScheduleRunRow]) -> Iterator[AcceptedMessage]:
    """The messages that runs created without a request of a client. They must be sent like any accepted message."""
    schedules = {
        each.schedule_id: each.planned for each in workload.schedules if each.planned.trigger is not Trigger.RUN_NOW
    }
    for run in runs:
        if run.message_id is not None and run.schedule_id in schedules:
            yield AcceptedMessage(message_id=run.message_id, planned=schedules[run.schedule_id].message)


def _read_counts(system: System, church: Church, message_id: str) -> ApiCounts | None:
    api = ApiClient(base_url=system.api_url, key=church.key, timeout_seconds=30.0)
    try:
        return api.get(f"/api/messages/{message_id}")["counts"]
    except (Refused, Unreachable):
        return None
