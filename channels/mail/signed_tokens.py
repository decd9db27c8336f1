"""Signed tokens for the links to unsubscribe and for the addresses that bounces are sent to.

No token reveals an address or a church, so neither does a link or a log: a bounce address contains only the id of a
delivery, and what else is in a link is encrypted.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from uuid import UUID

from channels.incoming import LinkRecipient
from messaging.addresses import MAX_EMAIL_CHARACTERS
from settings import Settings

_LINK_SIGNATURE_BYTES = 16
_LONGEST_LINK_TOKEN = 1500
_HASH_BYTES = 32
_BOUNCE_SIGNATURE_BYTES = 12
"""96 bits: an address has at most 64 characters before the @, and servers may change their case."""
_BOUNCE_PREFIX = "bounce+"
_SIGNED_ADDRESS = re.compile(rb"(?<![a-z2-7])[a-z2-7]{48}(?=@)", re.IGNORECASE)
"""The token in a bounce address: 30 bytes in base32."""


class UnsubscribeLinks:
    """The links to unsubscribe. The token in a link names the delivery, its church and its recipient.

    The church and the address are encrypted: so a link works as long as SECRET_KEY is the same, also when the delivery
    is no longer kept, and still reveals nobody. The signature is the nonce of the encryption (as in SIV, RFC 5297, with
    HMAC-SHA256 in place of AES), so no nonce is used for two recipients.
    """

    def __init__(self, settings: Settings) -> None:
        self._key = _key(settings, "unsubscribe")
        self._encryption_key = _key(settings, "unsubscribe recipient")
        self._base = f"{settings.public_url.rstrip('/')}/unsubscribe"

    def url(self, delivery_id: UUID, *, church_id: UUID, address: str) -> str:
        """The URL of the page."""
        named = church_id.bytes + address.encode()
        signature = _sign(self._key, delivery_id.bytes + named, _LINK_SIGNATURE_BYTES)
        token = delivery_id.bytes + signature + _xor(named, self._key_stream(signature, len(named)))
        return f"{self._base}/{base64.urlsafe_b64encode(token).decode().rstrip('=')}"

    def recipient_of(self, token: str) -> LinkRecipient | None:
        """What the token names; None when the token is not ours. Links of earlier releases name only the delivery."""
        if len(token) > _LONGEST_LINK_TOKEN:
            return None
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        delivery_id, signature, encrypted = signed[:16], signed[16:32], signed[32:]
        named = _xor(encrypted, self._key_stream(signature, len(encrypted)))
        if not _is_signed(self._key, delivery_id + named, signature, _LINK_SIGNATURE_BYTES):
            return None
        if not named:
            return LinkRecipient(delivery_id=UUID(bytes=delivery_id))
        return LinkRecipient(
            delivery_id=UUID(bytes=delivery_id), church_id=UUID(bytes=named[:16]), address=named[16:].decode()
        )

    def _key_stream(self, nonce: bytes, length: int) -> bytes:
        blocks = -(-length // _HASH_BYTES)
        return b"".join(hmac.digest(self._encryption_key, nonce + bytes([n]), "sha256") for n in range(blocks))[:length]


class BounceAddresses:
    """One address for each attempt, as in VERP (https://cr.yp.to/proto/verp.txt)."""

    def __init__(self, settings: Settings) -> None:
        self._key = _key(settings, "bounce")
        self._domain = settings.mail_bounce_domain

    def address(self, delivery_id: UUID, attempt: int) -> str | None:
        """The address for bounces of this attempt; None without MAIL_BOUNCE_DOMAIN."""
        if self._domain is None:
            return None
        named = delivery_id.bytes + attempt.to_bytes(2, "big")
        signed = base64.b32encode(named + _sign(self._key, named, _BOUNCE_SIGNATURE_BYTES))
        return f"{_BOUNCE_PREFIX}{signed.decode().lower()}@{self._domain}"

    def attempt_of(self, address: str) -> tuple[UUID, int] | None:
        """The delivery and the attempt that the address names; None when the address is not ours."""
        if len(address) > MAX_EMAIL_CHARACTERS:
            return None
        # A plus that was not written as %2B in the query has become a space.
        local_part = address.strip().strip("<>").rpartition("@")[0].lower().replace(" ", "+")
        try:
            signed = base64.b32decode(local_part.removeprefix(_BOUNCE_PREFIX), casefold=True)
        except (ValueError, binascii.Error):
            return None
        named, signature = signed[:18], signed[18:]
        if not _is_signed(self._key, named, signature, _BOUNCE_SIGNATURE_BYTES):
            return None
        return UUID(bytes=named[:16]), int.from_bytes(named[16:], "big")

    def find_attempt(self, text: bytes) -> tuple[UUID, int] | None:
        """The same for the first of our addresses anywhere in the text; None when there is none.

        Takes one pass over the text and parses nothing else of it.
        """
        found = (self.attempt_of(f"{signed[0].decode()}@") for signed in _SIGNED_ADDRESS.finditer(text))
        return next((attempt for attempt in found if attempt is not None), None)


def _key(settings: Settings, purpose: str) -> bytes:
    """A key for each purpose, so that a token for one purpose is not valid for another."""
    secret = "" if settings.secret_key is None else settings.secret_key.get_secret_value()
    return hmac.digest(secret.encode(), f"koinonia {purpose} v1".encode(), "sha256") if secret else b""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _sign(key: bytes, named: bytes, length: int) -> bytes:
    return hmac.digest(key, named, "sha256")[:length]


def _is_signed(key: bytes, named: bytes, signature: bytes, length: int) -> bool:
    """Compares in constant time. Without a key, no signature is valid."""
    return bool(key) and len(signature) == length and hmac.compare_digest(signature, _sign(key, named, length))
