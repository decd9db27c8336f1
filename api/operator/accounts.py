"""Who may log in: the named operators. While there are none, OPERATOR_PASSWORD, under the name `operator`."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from api.operator.password_hashing import PasswordHashing
from store import operators
from store.database import Database, system_scope
from store.operators import SHARED_NAME, Operator


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a person logs in to."""

    name: str
    secret: str
    """Changes with the password: the stored hash of an operator's password, or OPERATOR_PASSWORD itself."""
    operator: Operator | None
    """None for OPERATOR_PASSWORD."""


class Accounts:
    """Finds accounts and checks passwords. Every method except is_password() may raise psycopg.OperationalError."""

    def __init__(self, shared_password: str | None, *, database: Database, hashing: PasswordHashing) -> None:
        self._shared_password = shared_password
        self._database = database
        self._hashing = hashing

    def exist(self) -> bool:
        """Return whether anybody can log in."""
        if self._shared_password is not None:
            return True
        with system_scope(self._database) as connection:
            return operators.exist(connection)

    def find(self, name: str) -> Account | None:
        """Return the account of this name."""
        if name != SHARED_NAME and not operators.is_name(name):
            return None
        with system_scope(self._database) as connection:
            if name != SHARED_NAME:
                found = operators.find(connection, name)
                return found and Account(name=name, secret=found.password_hash, operator=found)
            if self._shared_password is None or operators.exist(connection):
                return None
        return Account(name=name, secret=self._shared_password, operator=None)

    def is_password(self, account: Account | None, password: str) -> bool:
        """Return whether this is the password of the account. It takes as long for a name that nobody has."""
        operator = account.operator if account else None
        matches_hash = self._hashing.verify(operator.password_hash if operator else None, password)
        matches_shared = hmac.compare_digest(_digest(password), _digest(self._shared_password or ""))
        if account is None:
            return False
        return matches_shared if operator is None else matches_hash

    def new_hash(self, account: Account, password: str) -> str | None:
        """Return the hash of the password to store instead of the present one; None if that is up to date."""
        if account.operator is None or not self._hashing.is_outdated(account.operator.password_hash):
            return None
        return self._hashing.hash(password)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
