"""The operator's sessions: a random cookie, and a row in the database for as long as it is valid.

A session ends after twelve hours, at the logout, or when the password is changed. Because every process looks the row
up, it ends on all of them at once.
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
    """Begins, checks and ends sessions. Each method but is_password() raises psycopg.OperationalError.

    The database keeps an HMAC of the cookie under a key derived from the password: a copy of the table opens nothing,
    and sessions of an earlier password are not found.
    """

    def __init__(self, password: str, *, secure: bool, database: Database) -> None:
        self._digest = hashlib.sha256(password.encode()).digest()
        self._key = hmac.digest(password.encode(), _PURPOSE, "sha256")
        self._database = database
        self._cookie = OperatorCookie("operator", secure=secure)

    def is_password(self, given: str) -> bool:
        """Whether this is the password, in a time that tells nothing of it."""
        return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), self._digest)

    def begin(self, response: Response) -> None:
        """Start a session and give its cookie to the browser. The session that the browser had before ends."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        previous = self._presented_hash()
        with system_scope(self._database) as connection:
            if previous is not None:
                operator_sessions.end(connection, previous)
            operator_sessions.begin(connection, self._hash(token), lifetime_seconds=LIFETIME_SECONDS)
        self._cookie.set(response, token, max_age_seconds=LIFETIME_SECONDS)

    def is_open(self) -> bool:
        """Whether the present request carries the cookie of a session that has not ended."""
        session_hash = self._presented_hash()
        if session_hash is None:
            return False
        with system_scope(self._database) as connection:
            return operator_sessions.is_open(connection, session_hash)

    def end(self, response: Response) -> None:
        """End the present request's session, for every copy of its cookie."""
        session_hash = self._presented_hash()
        if session_hash is not None:
            with system_scope(self._database) as connection:
                operator_sessions.end(connection, session_hash)
        self._cookie.delete(response)

    def _presented_hash(self) -> bytes | None:
        """Of the present request's cookie; None when there is none, or one that is not ours by its shape."""
        token = self._cookie.presented()
        return self._hash(token) if _TOKEN.fullmatch(token) else None

    def _hash(self, token: str) -> bytes:
        return hmac.digest(self._key, token.encode(), "sha256")
