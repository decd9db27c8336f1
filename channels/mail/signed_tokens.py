"""Tokens that only we can make: in links to unsubscribe, and in the addresses that bounces come back to.

Each names a delivery and nobody, so that neither an address nor a church stands in a link or in a log.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from uuid import UUID

from settings import Settings

_LINK_SEAL_BYTES = 16
_BOUNCE_SEAL_BYTES = 12
"""96 bits: an address has room for 64 characters before the @, and they must survive a change of case."""
_BOUNCE_PREFIX = "bounce+"
_LONGEST_ADDRESS = 320
"""64 characters, an @ and 255 more (RFC 5321, section 4.5.3.1)."""
_SEALED_ADDRESS = re.compile(rb"(?<![a-z2-7])[a-z2-7]{48}(?=@)", re.IGNORECASE)
"""The sealed part of such an address: 30 bytes in base32."""


class UnsubscribeLinks:
    """What stands behind /unsubscribe/: the delivery, sealed."""

    def __init__(self, settings: Settings) -> None:
        self._key = _key(settings, "unsubscribe")
        self._base = f"{settings.public_url.rstrip('/')}/unsubscribe"

    def url(self, delivery_id: UUID) -> str:
        """The address of the page."""
        sealed = delivery_id.bytes + _seal(self._key, delivery_id.bytes, _LINK_SEAL_BYTES)
        return f"{self._base}/{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def delivery_of(self, token: str) -> UUID | None:
        """The delivery in whose mail the token stood; None when it is not from us."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        named, seal = sealed[:16], sealed[16:]
        return UUID(bytes=named) if _is_sealed(self._key, named, seal, _LINK_SEAL_BYTES) else None


class BounceAddresses:
    """One address for each attempt, as in VERP (https://cr.yp.to/proto/verp.txt): what comes there is about it."""

    def __init__(self, settings: Settings) -> None:
        self._key = _key(settings, "bounce")
        self._domain = settings.mail_bounce_domain

    def address(self, delivery_id: UUID, attempt: int) -> str | None:
        """Where bounces of this attempt are to go; None when no domain is set up for them."""
        if self._domain is None:
            return None
        named = delivery_id.bytes + attempt.to_bytes(2, "big")
        sealed = base64.b32encode(named + _seal(self._key, named, _BOUNCE_SEAL_BYTES))
        return f"{_BOUNCE_PREFIX}{sealed.decode().lower()}@{self._domain}"

    def attempt_of(self, address: str) -> tuple[UUID, int] | None:
        """The delivery and the attempt that the address was made for; None when it is not from us."""
        if len(address) > _LONGEST_ADDRESS:
            return None
        # A plus that was not written as %2B in an address's query has become a space.
        local_part = address.strip().strip("<>").rpartition("@")[0].lower().replace(" ", "+")
        try:
            sealed = base64.b32decode(local_part.removeprefix(_BOUNCE_PREFIX), casefold=True)
        except (ValueError, binascii.Error):
            return None
        named, seal = sealed[:18], sealed[18:]
        if not _is_sealed(self._key, named, seal, _BOUNCE_SEAL_BYTES):
            return None
        return UUID(bytes=named[:16]), int.from_bytes(named[16:], "big")

    def find_attempt(self, text: bytes) -> tuple[UUID, int] | None:
        """The same for the first of our addresses that stands anywhere in the text; None when there is none.

        Nothing else of the text is parsed: it takes one pass, whatever stands there.
        """
        found = (self.attempt_of(f"{sealed[0].decode()}@") for sealed in _SEALED_ADDRESS.finditer(text))
        return next((attempt for attempt in found if attempt is not None), None)


def _key(settings: Settings, purpose: str) -> bytes:
    """A key for each purpose, so that one kind of token is never good for another."""
    secret = "" if settings.secret_key is None else settings.secret_key.get_secret_value()
    return hmac.digest(secret.encode(), f"koinonia {purpose} v1".encode(), "sha256") if secret else b""


def _seal(key: bytes, named: bytes, length: int) -> bytes:
    return hmac.digest(key, named, "sha256")[:length]


def _is_sealed(key: bytes, named: bytes, seal: bytes, length: int) -> bool:
    """In a time that tells nothing of the right seal. Without a key nothing is sealed."""
    return bool(key) and len(seal) == length and hmac.compare_digest(seal, _seal(key, named, length))
