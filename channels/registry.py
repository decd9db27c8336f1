"""The channels. To add one, add a folder beside this file and a line here."""

from __future__ import annotations

from channels.base import Channel
from channels.mail.channel import MailChannel
from channels.mms.channel import MmsChannel
from channels.sms.channel import SmsChannel

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (SmsChannel(), MmsChannel(), MailChannel())}
"""In the order in which their queues are shown."""
