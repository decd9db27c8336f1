"""Sets up the workload: creates churches and schedules, and prepares the clients with their requests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tools.chaos.parameters import Parameters
from tools.chaos.system.consent_tables import ConsentTables
from tools.chaos.system.system import System
from tools.chaos.workload.api_clients import ApiClients
from tools.chaos.workload.audiences import church_sizes
from tools.chaos.workload.churches import Church, create_churches
from tools.chaos.workload.created_schedules import CreatedSchedule, create_schedule
from tools.chaos.workload.paced_churches import create_paced_churches
from tools.chaos.workload.planned_messages import MOST_PICTURES, church_paces, plan_messages
from tools.chaos.workload.planned_paced_churches import plan_paced_churches
from tools.chaos.workload.planned_requests import run_now_request, send_request
from tools.chaos.workload.planned_schedules import Trigger, plan_schedules
from tools.chaos.workload.planned_writers import plan_writers
from tools.chaos.workload.writers import Writers


@dataclass(frozen=True, kw_only=True)
class Workload:
    churches: Sequence[Church]
    """`PlannedMessage.church` is a place in it."""
    schedules: Sequence[CreatedSchedule]
    clients: ApiClients
    """Not started yet."""
    writers: Writers
    """The same."""


def set_up_workload(system: System, parameters: Parameters) -> Workload:
    """Create everything that must exist before the first request. Start the clients soon: each `sendAt` is fixed here.

    Raises Refused, Unreachable, NotStarted, psycopg.Error.
    """
    schedules = plan_schedules(parameters)
    messages = plan_messages(parameters, deliveries=parameters.deliveries - sum(each.deliveries for each in schedules))
    pictures = [system.sandbox.picture_url(f"{number}") for number in range(MOST_PICTURES)]
    paces = church_paces(parameters, messages)
    churches = create_churches(system, sizes=church_sizes(parameters), paces=paces)
    paced = plan_paced_churches(parameters)
    churches += create_paced_churches(system.superuser_url, paced)
    ConsentTables(system.superuser_url).answer_all_keywords()
    # The carrier refuses nobody: the product alone must write to nobody who sent STOP.
    system.sandbox.set_inbound(url=f"{system.api_url}/inbound/sms", opt_out_handling="off")
    created = [
        create_schedule(each, church=churches[each.message.church], base_url=system.api_url, pictures=pictures)
        for each in schedules
    ]
    all_messages = (*messages, *(each.message for each in paced))
    began = datetime.now(UTC)
    requests = [
        send_request(message, church=churches[message.church], pictures=pictures, began=began)
        for message in all_messages
    ]
    requests += [
        run_now_request(
            each.planned.message, church=churches[each.planned.message.church], schedule_id=each.schedule_id
        )
        for each in created
        if each.planned.trigger is Trigger.RUN_NOW
    ]
    clients = ApiClients(
        base_url=system.api_url,
        requests=sorted(requests, key=lambda request: request.message.at_seconds),
        run_id=f"chaos-{parameters.seed}-{os.getpid()}",
    )
    writers = Writers(
        sandbox=system.sandbox,
        numbers=[church.phone for church in churches],
        planned=plan_writers(parameters, all_messages),
    )
    return Workload(churches=churches, schedules=created, clients=clients, writers=writers)
