"""Sends the requests that Twilio would send to PUBLIC_URL, to find out whether they arrive and are accepted here."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from twilio.request_validator import RequestValidator

from channels.twilio.webhook_signature import HEADER
from settings import Settings

TIMEOUT_SECONDS = 10.0
"""Twilio waits 15 seconds for the answer to a callback."""
_MOST_BYTES = 4096
_ALIVE = {"status": "alive"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    status: int
    body: bytes
    location: str | None

    @property
    def is_our_liveness(self) -> bool:
        """Whether it is what GET /health/live of this service answers."""
        try:
            return self.status == 200 and json.loads(self.body) == _ALIVE
        except ValueError:
            return False


class CallbackProbe:
    """Every method raises OSError or http.client.HTTPException if no answer comes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = settings.public_url.rstrip("/")

    def resolve(self) -> list[IPv4Address | IPv6Address]:
        """Return the addresses to which the host's name resolves here. Raises OSError."""
        host = urlsplit(self._base).hostname or ""
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [ip_address(address) for address in dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found)]

    def get_liveness(self) -> Answer:
        return self._exchange("GET", f"{self._base}/health/live", headers={}, body=None)

    def send_callback(self) -> Answer:
        """Send a signed callback that reports `queued` for no delivery: it is verified, and nothing is stored.

        The answer is 204 from an instance with the same token and the same PUBLIC_URL, and 403 from one with another.
        """
        url = f"{self._base}/callbacks/sms/{UUID(int=0)}/1"
        form = {
            "AccountSid": self._settings.twilio_account_sid,
            "MessageSid": "SM" + "0" * 32,
            "MessageStatus": "queued",
        }
        token = self._settings.twilio_auth_token.get_secret_value()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            HEADER: RequestValidator(token).compute_signature(url, form),
        }
        return self._exchange("POST", url, headers=headers, body=urlencode(form))

    def _exchange(self, method: str, url: str, *, headers: Mapping[str, str], body: str | None) -> Answer:
        """Follows no redirects: Twilio's signature would not fit the other address."""
        address = urlsplit(url)
        host, port = address.hostname or "", address.port
        if address.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, address.path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            return Answer(status=answer.status, body=answer.read(_MOST_BYTES), location=answer.headers.get("Location"))
        finally:
            connection.close()
