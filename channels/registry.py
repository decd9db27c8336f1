"""The channels there are. A new one is a folder beside this file and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from channels.base import Channel
from channels.sms.channel import SmsChannel

CHANNELS: Mapping[str, Channel] = {channel.name: channel for channel in (SmsChannel(),)}

NOT_YET = frozenset({"mms", "mail"})
"""Channels that are announced, and refused for now."""
