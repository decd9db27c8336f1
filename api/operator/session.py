"""The operator's sessions: a random token in a cookie, and a row in the database while it is valid.

A session ends after twelve hours, at logout, or when the password is changed. Every process looks the row up, so it
ends in all of them at the same time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from flask import Response

from api.operator.cookies import OperatorCookie
from store import operator_sessions
from store.database import Database, system_scope

LIFETIME_SECONDS = 12 * 3600
_PURPOSE = b"koinonia operator session v2"
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Sessions:
    """Starts, checks and ends sessions. Every method except is_password() may raise psycopg.OperationalError.

    The database stores an HMAC of the token with a key derived from the password. So a copy of the table does not help
    an attacker, and sessions that started with an earlier password are not found.
    """

    def __init__(self, password: str, *, secure: bool, database: Database) -> None:
        self._digest = hashlib.sha256(password.encode()).digest()
        self._key = hmac.digest(password.encode(), _PURPOSE, "sha256")
        self._database = database
        self._cookie = OperatorCookie("operator", secure=secure)

    def is_password(self, text: str) -> bool:
        """Return whether this is the password. The time it takes does not depend on the password."""
        return hmac.compare_digest(hashlib.sha256(text.encode()).digest(), self._digest)

    def begin(self, response: Response) -> None:
        """Start a session and set its cookie. The browser's previous session ends."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        previous = self._presented_hash()
        with system_scope(self._database) as connection:
            if previous is not None:
                operator_sessions.end(connection, previous)
            operator_sessions.begin(connection, self._hash(token), lifetime_seconds=LIFETIME_SECONDS)
        self._cookie.set(response, token, max_age_seconds=LIFETIME_SECONDS)

    def is_open(self) -> bool:
        """Return whether the current request has the cookie of a session that has not ended."""
        session_hash = self._presented_hash()
        if session_hash is None:
            return False
        with system_scope(self._database) as connection:
            return operator_sessions.is_open(connection, session_hash)

    def end(self, response: Response) -> None:
        """End the session of the current request, so that no copy of its cookie is valid any longer."""
        session_hash = self._presented_hash()
        if session_hash is not None:
            with system_scope(self._database) as connection:
                operator_sessions.end(connection, session_hash)
        self._cookie.delete(response)

    def _presented_hash(self) -> bytes | None:
        """Return the hash of the token in the current request; None if there is no token of the right form."""
        token = self._cookie.presented()
        return self._hash(token) if _TOKEN.fullmatch(token) else None

    def _hash(self, token: str) -> bytes:
        return hmac.digest(self._key, token.encode(), "sha256")
