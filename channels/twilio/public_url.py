"""Whether Twilio can reach this service at PUBLIC_URL, as far as the address alone shows."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from channels.public_addresses import is_public
from settings import Settings

_RESERVED = re.compile(
    r"(^|\.)(localhost|local|internal|intranet|lan|home|corp|home\.arpa|test|invalid|example|example\.(com|net|org))$"
)
"""Names that no public name server resolves to a service (RFC 2606, RFC 6761, RFC 6762, RFC 8375)."""


def is_twilio(settings: Settings) -> bool:
    """Whether texts really leave: TWILIO_API_BASE_URL is Twilio's, and not a sandbox."""
    host = urlsplit(settings.twilio_api_base_url).hostname or ""
    return host == "twilio.com" or host.endswith(".twilio.com")


def callback_problem(settings: Settings) -> str | None:
    """Return why Twilio's callbacks would not arrive, and the remedy; None if nothing speaks against it.

    With another carrier than Twilio, such as the sandbox, any address will do. Looks up no name: without a name server
    the service must start all the same.
    """
    if not is_twilio(settings):
        return None
    address = urlsplit(settings.public_url)
    if address.scheme != "https":
        return (
            "PUBLIC_URL is not https, so callbacks would pass unencrypted: set it to the https address of the service."
        )
    if not is_public_host(address.hostname or ""):
        return (
            f"PUBLIC_URL names {address.hostname}, which Twilio cannot reach, so no callback arrives: set it to the "
            "public https address of the service."
        )
    return None


def is_public_host(host: str) -> bool:
    """Whether the host, a name or an IP address, may be reachable from the internet."""
    try:
        return is_public(ip_address(host))
    except ValueError:
        name = host.rstrip(".").lower()
        return "." in name and _RESERVED.search(name) is None
