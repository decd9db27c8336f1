"""A messaging service of the carrier, which may send a church's texts instead of a single number."""

from __future__ import annotations

import re

_SID = re.compile(r"MG[0-9a-fA-F]{32}")
"""https://www.twilio.com/docs/messaging/services"""


def messaging_service_error(sid: str) -> str | None:
    """Return why the text is not the id of a messaging service, or None if it is."""
    return None if _SID.fullmatch(sid) else "must be MG and 32 hexadecimal digits"
