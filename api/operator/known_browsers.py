"""Recognizes browsers in which an operator has logged in before.

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

from api.operator.accounts import Account
from api.operator.cookies import OperatorCookie

LIFETIME_SECONDS = 180 * 24 * 3600
_PURPOSE = b"koinonia operator browser v1"


class KnownBrowsers:
    """Signs the cookie with a key derived from the account's secret.

    So a browser is known for one account only, and a new password makes all its browsers unknown.
    """

    def __init__(self, *, secure: bool) -> None:
        self._cookie = OperatorCookie("operator-browser", secure=secure)

    def presented(self, account: Account | None) -> str | None:
        """Return the id of the browser that sent the current request, or None if the account does not know it."""
        if account is None:
            return None
        try:
            return _signer(account.secret).unsign(self._cookie.presented(), max_age=LIFETIME_SECONDS).decode()
        except BadSignature:
            return None

    def remember(self, response: Response, account: Account, *, new_hash: str | None) -> None:
        """Set the cookie after a login, so that this browser is recognized from now on."""
        browser = self.presented(account) or secrets.token_urlsafe(16)
        signed = _signer(new_hash or account.secret).sign(browser).decode()
        self._cookie.set(response, signed, max_age_seconds=LIFETIME_SECONDS)


def _signer(secret: str) -> TimestampSigner:
    key = hmac.digest(secret.encode(), _PURPOSE, "sha256")
    return TimestampSigner(key, salt=_PURPOSE, digest_method=hashlib.sha256)
