"""The suite of `flask check-carrier`: the steps that the carriers declare (channels/registry.py)."""

from __future__ import annotations

from collections.abc import Sequence

from api.checks.steps import Suite
from channels.registry import carrier_checks
from settings import Settings
from store.senders import CarrierSender


def carrier_suite(settings: Settings, senders: Sequence[CarrierSender] | None) -> Suite:
    """The suite. `senders` are those of all churches; None if the database could not be read."""
    return Suite(name="carrier", target=f"for {settings.public_url}", steps=carrier_checks(settings, senders))
