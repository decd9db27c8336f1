"""The channels. To add one, add a folder beside this file and a line here; to add a carrier's checks, a line below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from channels.base import Channel
from channels.check_steps import SenderToCheck, Step
from channels.mail import server_check
from channels.mail.channel import MailChannel
from channels.mms.channel import MmsChannel
from channels.sms.channel import SmsChannel
from channels.twilio import checks as twilio_checks
from channels.twilio import public_url
from messaging.links import LinkRules, ShortLinks
from settings import Settings

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (SmsChannel(), MmsChannel(), MailChannel())}
"""In the order in which their queues are shown."""

_CARRIER_CHECKS: tuple[Callable[[Settings, Sequence[SenderToCheck] | None], Sequence[Step]], ...] = (
    twilio_checks.carrier_checks,
    server_check.carrier_checks,
)
_SETTINGS_PROBLEMS: tuple[Callable[[Settings], str | None], ...] = (public_url.callback_problem,)


def link_rules(settings: Settings) -> LinkRules:
    """Return how links are shortened with these settings."""

    def segments_of(channel_name: str, text: str) -> int | None:
        channel = CHANNELS[channel_name]
        if not channel.shortens_links or channel.check_content(text) is not None:
            return None
        return channel.count_segments(text)

    service = ShortLinks.of_service(base_url=settings.link_base_url, public_url=settings.public_url)
    return LinkRules(service=service, segments_of=segments_of)


def carrier_checks(settings: Settings, senders: Sequence[SenderToCheck] | None) -> list[Step]:
    """Return the steps with which an operator checks the carriers. `senders` None: they could not be read."""
    return [step for checks in _CARRIER_CHECKS for step in checks(settings, senders)]


def settings_problem(settings: Settings) -> str | None:
    """Return why a carrier could not work with these settings, and the remedy. Nothing is looked up."""
    return next((problem for check in _SETTINGS_PROBLEMS if (problem := check(settings))), None)
