"""Everything that is compared, as it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.chaos.kept_schedules import KeptSchedule
from tools.chaos.mailbox import MailRow
from tools.chaos.staff import Accepted
from tools.chaos.tables import DeliveryRow, MessageRow, RunRow
from tools.sandbox.control import LedgerRow

ApiCounts = Mapping[str, int]
"""The `counts` of a message as the API tells them."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    accepted: Sequence[Accepted]
    """Also what became of schedules, which the API accepted with them."""
    schedules: Sequence[KeptSchedule]
    runs: Sequence[RunRow]
    messages: Sequence[MessageRow]
    deliveries: Sequence[DeliveryRow]
    ledger: Sequence[LedgerRow]
    """Texts and pictures at the carrier."""
    mails: Sequence[MailRow]
    """Mails at the mail server, each copy."""
    api_counts: Mapping[str, ApiCounts]
    """By message id."""
