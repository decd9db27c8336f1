"""The operator's session: one signed cookie, good for twelve hours or until the password is changed."""

from __future__ import annotations

import hashlib
import hmac

from flask import Response
from itsdangerous import BadSignature, TimestampSigner

LIFETIME_SECONDS = 12 * 3600
_PURPOSE = b"koinonia operator session v1"
_BEARER = "operator"


class Sessions:
    """Issues and reads the cookie. Its key is derived from the password, so there is no other secret to keep."""

    def __init__(self, password: str, *, secure: bool) -> None:
        self._digest = hashlib.sha256(password.encode()).digest()
        key = hmac.digest(password.encode(), _PURPOSE, "sha256")
        self._signer = TimestampSigner(key, salt=_PURPOSE, digest_method=hashlib.sha256)
        self._secure = secure
        # Browsers let no other host, and no page over plain HTTP, write a cookie of this prefix (RFC 6265bis, 4.1.3.2).
        self.cookie_name = "__Host-operator" if secure else "operator"

    def is_password(self, given: str) -> bool:
        """Whether this is the password, in a time that tells nothing of it."""
        return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), self._digest)

    def begin(self, response: Response) -> None:
        self._set(response, self._signer.sign(_BEARER).decode(), LIFETIME_SECONDS)

    def end(self, response: Response) -> None:
        self._set(response, "", 0)

    def holds(self, cookie: str | None) -> bool:
        """Whether the cookie's value was issued under this password, less than twelve hours ago."""
        try:
            return self._signer.unsign(cookie or "", max_age=LIFETIME_SECONDS) == _BEARER.encode()
        except BadSignature:
            return False

    def _set(self, response: Response, value: str, max_age_seconds: int) -> None:
        response.set_cookie(
            self.cookie_name,
            value,
            max_age=max_age_seconds,
            path="/",  # both /rq and /operator
            secure=self._secure,
            httponly=True,
            samesite="Strict",
        )
