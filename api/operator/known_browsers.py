"""Recognizes browsers in which the operator has logged in before.

Login attempts from a known browser are counted separately, so an attacker who keeps guessing cannot lock the operator
out (https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies). The cookie grants no
access by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Response
from itsdangerous import BadSignature, TimestampSigner

from api.operator.cookies import OperatorCookie

LIFETIME_SECONDS = 180 * 24 * 3600
_PURPOSE = b"koinonia operator browser v1"


class KnownBrowsers:
    """Signs the cookie with a key derived from the password, so a new password makes all browsers unknown."""

    def __init__(self, password: str, *, secure: bool) -> None:
        key = hmac.digest(password.encode(), _PURPOSE, "sha256")
        self._signer = TimestampSigner(key, salt=_PURPOSE, digest_method=hashlib.sha256)
        self._cookie = OperatorCookie("operator-browser", secure=secure)

    def presented(self) -> str | None:
        """Return the id of the browser that sent the current request, or None if it is not known."""
        try:
            return self._signer.unsign(self._cookie.presented(), max_age=LIFETIME_SECONDS).decode()
        except BadSignature:
            return None

    def remember(self, response: Response) -> None:
        """Set the cookie after a login, so that this browser is recognized from now on."""
        browser = self.presented() or secrets.token_urlsafe(16)
        self._cookie.set(response, self._signer.sign(browser).decode(), max_age_seconds=LIFETIME_SECONDS)
