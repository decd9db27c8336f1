"""How a delivery may stand, by what the carrier has of it. The same for texts, pictures and mail."""

from __future__ import annotations

from tools.chaos.findings import Finding, Wrong
from tools.chaos.people import REFUSED
from tools.chaos.tables import DeliveryRow


def wrong_unsubmitted(delivery: DeliveryRow) -> Wrong | None:
    """What is wrong with a delivery of which the carrier has nothing."""
    match delivery.status:
        case "suppressed" | "canceled":
            return None
        case "unknown":
            return Wrong.UNKNOWN
        case "failed":
            return None if delivery.address in REFUSED else Wrong.GIVEN_UP
        case _:
            return Wrong.LOST


def wrong_submitted(delivery: DeliveryRow, *, expected: set[tuple[str, str]]) -> Wrong | None:
    """What is wrong with a delivery that the carrier has. `expected`: status and carrier's id, as it has them."""
    if delivery.status == "unknown":
        return Wrong.UNKNOWN
    return None if (delivery.status, delivery.carrier_id) in expected else Wrong.STATUS


def standing_finding(delivery: DeliveryRow, wrong: Wrong, *, at_carrier: str) -> Finding:
    why = f" ({delivery.reason})" if delivery.reason else ""
    what = f"delivery {delivery.delivery_id} to {delivery.address} is {delivery.status}{why}; {at_carrier}"
    return Finding(wrong=wrong, what=what)
