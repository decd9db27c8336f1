"""The channels there are. A new one is a folder beside this file and a line here."""

from __future__ import annotations

from channels.base import Channel
from channels.mail.channel import MailChannel
from channels.sms.channel import SmsChannel

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (SmsChannel(), MailChannel())}

NOT_YET = frozenset({"mms"})
"""Channels that are announced, and refused for now."""
