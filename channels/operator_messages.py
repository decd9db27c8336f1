"""What operators get directly from carriers, past the ledger and the queues, and which carriers answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from channels.mail import operator_messages as by_mail
from channels.registry import CHANNELS
from channels.twilio import operator_messages as by_text
from settings import Settings

send_operator_text = by_text.send_operator_text
send_operator_mail = by_mail.send_operator_mail

ReachabilityCheck = Callable[[], str | None]
"""Returns why the carrier gives no answer, or None if it answers."""


def reachability_checks(settings: Settings, *, seconds: float) -> Mapping[str, ReachabilityCheck]:
    """Return a check for each carrier that is used, by the channels that it carries, such as `sms and mms`."""
    checks: dict[str, ReachabilityCheck] = {
        "sms and mms": partial(by_text.unreachable_reason, settings, seconds=seconds)
    }
    if CHANNELS["mail"].unavailable_reason(settings) is None:
        checks["mail"] = partial(by_mail.unreachable_reason, settings, seconds=seconds)
    return checks
