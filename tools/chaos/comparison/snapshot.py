"""Everything that is compared, read once at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.chaos.comparison.received_mails import ReceivedMail
from tools.chaos.system.consent_tables import ConsentEventRow, DecisionRow, InboundMessageRow, OptOutRow
from tools.chaos.system.product_tables import DeliveryRow, MessageRow, ScheduleRunRow
from tools.chaos.workload.api_clients import AcceptedMessage
from tools.chaos.workload.churches import Church
from tools.chaos.workload.created_schedules import CreatedSchedule
from tools.chaos.workload.writers import WrittenText
from tools.sandbox.control import LedgerRow

ApiCounts = Mapping[str, int]
"""The `counts` of a message in the API's response."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    churches: Sequence[Church]
    accepted: Sequence[AcceptedMessage]
    """Including the messages of schedules, which were accepted with the schedule."""
    schedules: Sequence[CreatedSchedule]
    runs: Sequence[ScheduleRunRow]
    messages: Sequence[MessageRow]
    deliveries: Sequence[DeliveryRow]
    ledger: Sequence[LedgerRow]
    """Texts and picture messages at the carrier."""
    mails: Sequence[ReceivedMail]
    """Mails at the mail server, one for each copy."""
    api_counts: Mapping[str, ApiCounts]
    """By message id."""
    decisions: Sequence[DecisionRow] = ()
    """Every claim, and every suppressed delivery."""
    written: Sequence[WrittenText] = ()
    """What people wrote, in order."""
    inbound: Sequence[InboundMessageRow] = ()
    """What of it is stored."""
    consent_events: Sequence[ConsentEventRow] = ()
    opt_outs: Sequence[OptOutRow] = ()
