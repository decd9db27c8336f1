"""Checks the status of a delivery against what the carrier has. The same for texts, picture messages and mails."""

from __future__ import annotations

from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.system.product_tables import DeliveryRow
from tools.chaos.workload.recipients import REFUSED


def check_unsubmitted(delivery: DeliveryRow) -> FindingKind | None:
    """The kind of finding for a delivery of which the carrier has nothing; None when the delivery is right."""
    match delivery.status:
        case "suppressed" | "canceled":
            return None
        case "unknown":
            return FindingKind.UNKNOWN
        case "failed":
            return None if delivery.address in REFUSED else FindingKind.WRONGLY_FAILED
        case _:
            return FindingKind.LOST


def check_submitted(delivery: DeliveryRow, *, expected: set[tuple[str, str]]) -> FindingKind | None:
    """The same for a delivery that the carrier has. `expected`: the statuses and carrier ids that are right."""
    if delivery.status == "unknown":
        return FindingKind.UNKNOWN
    return None if (delivery.status, delivery.carrier_id) in expected else FindingKind.WRONG_STATUS


def delivery_finding(delivery: DeliveryRow, kind: FindingKind, *, at_carrier: str) -> Finding:
    reason = f" ({delivery.reason})" if delivery.reason else ""
    text = f"delivery {delivery.delivery_id} to {delivery.address} is {delivery.status}{reason}; {at_carrier}"
    return Finding(kind=kind, text=text)
