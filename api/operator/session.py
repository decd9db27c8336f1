"""The operators' sessions: a random token in a cookie, and a row in the database while it is valid.

A session ends after twelve hours, at logout, when it is ended by its operator or by a command, when the operator is
removed, or when the password changes. Every process looks the row up, so it ends in all of them at the same time.
"""

from __future__ import annotations

import hmac
import re
import secrets

from flask import Response

from api.operator.accounts import Account
from api.operator.cookies import OperatorCookie
from store import audit, operator_sessions, operators
from store.audit import Actor
from store.database import Database, system_scope
from store.operator_sessions import OperatorSession

LIFETIME_SECONDS = 12 * 3600
_PURPOSE = b"koinonia operator session v2"
_PURPOSE_OF_NAMED = b"koinonia operator session of a named operator v1"
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Sessions:
    """Starts, finds and ends sessions. Every method may raise psycopg.OperationalError.

    The database stores a keyed hash of the token, which has 256 random bits, so a copy of the table does not help an
    attacker. With OPERATOR_PASSWORD the key is derived from it, so that a new one ends the sessions of the old one.
    """

    def __init__(self, shared_password: str | None, *, secure: bool, database: Database) -> None:
        self._shared_key = hmac.digest(shared_password.encode(), _PURPOSE, "sha256") if shared_password else None
        self._database = database
        self._cookie = OperatorCookie("operator", secure=secure)

    def begin(self, response: Response, account: Account, *, login_address: str, new_hash: str | None) -> bool:
        """Start a session and set its cookie. The browser's previous session ends.

        Returns False, and starts none, if the account has changed since its password was checked.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        operator = account.operator
        with system_scope(self._database) as connection:
            if operator is None:
                is_current = not operators.exist(connection)
            else:
                is_current = operators.record_login(connection, operator, new_hash=new_hash)
            if not is_current:
                return False
            if previous := operator_sessions.find(connection, self._presented_hashes()):
                operator_sessions.end(connection, previous.session_id)
            operator_sessions.begin(
                connection,
                self._hash(token, is_shared=operator is None),
                operator_id=operator.operator_id if operator else None,
                login_address=login_address,
                lifetime_seconds=LIFETIME_SECONDS,
            )
            actor = Actor(kind="operator", name=account.name)
            audit.record(connection, actor=actor, action="operator.logged_in", subject=account.name)
        self._cookie.set(response, token, max_age_seconds=LIFETIME_SECONDS)
        return True

    def current(self) -> OperatorSession | None:
        """Return the session of the current request, if it has not ended."""
        hashes = self._presented_hashes()
        if not hashes:
            return None
        with system_scope(self._database) as connection:
            return operator_sessions.find(connection, hashes)

    def end(self, response: Response) -> None:
        """End the session of the current request, so that no copy of its cookie is valid any longer."""
        hashes = self._presented_hashes()
        if hashes:
            with system_scope(self._database) as connection:
                session = operator_sessions.find(connection, hashes)
                if session is not None:
                    operator_sessions.end(connection, session.session_id)
                    audit.record(connection, actor=session.actor, action="operator.logged_out", subject=session.name)
        self._cookie.delete(response)

    def _presented_hashes(self) -> list[bytes]:
        """Return the hashes that the session of the request may have; none if there is no token of the right form."""
        token = self._cookie.presented()
        if not _TOKEN.fullmatch(token):
            return []
        return [self._hash(token, is_shared=is_shared) for is_shared in (False, True)]

    def _hash(self, token: str, *, is_shared: bool) -> bytes:
        key = self._shared_key if is_shared and self._shared_key else _PURPOSE_OF_NAMED
        return hmac.digest(key, token.encode(), "sha256")
