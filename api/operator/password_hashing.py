"""Hashes the operators' passwords with Argon2id, in bounded memory.

The parameters are among those that OWASP recommends: 46 MiB, one pass, one lane, about 60 ms
(https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). RFC 9106, section 4, recommends
64 MiB, three passes and four lanes if the memory of a host is limited. That costs an attacker who has the hashes three
times the CPU time, and this service as well for each password that somebody tries. A hash names its parameters, so they
can be changed: at the next login of an operator, the password is hashed again.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 46 * 1024
PASSES = 1
LANES = 1
_SALT_BYTES, _HASH_BYTES = 16, 32
_AT_ONCE = 2
"""The most hashes that a process calculates at the same time: 92 MiB."""
_ADMITTED = 4
"""The most logins that a process handles at the same time, so that others leave the threads to the API."""


class TooManyLogins(Exception):
    """Other logins are being checked."""


class PasswordHashing:
    """Hashes and verifies passwords. One instance for a process."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=PASSES,
            memory_cost=MEMORY_KIB,
            parallelism=LANES,
            salt_len=_SALT_BYTES,
            hash_len=_HASH_BYTES,
        )
        self._running = threading.BoundedSemaphore(_AT_ONCE)
        self._admitted = threading.BoundedSemaphore(_ADMITTED)
        self._unmatched = _unmatched_hash()

    @contextmanager
    def admitted(self) -> Generator[None]:
        """Handle a login in the block. Raises TooManyLogins instead of waiting."""
        if not self._admitted.acquire(blocking=False):
            raise TooManyLogins
        try:
            yield
        finally:
            self._admitted.release()

    def hash(self, password: str) -> str:
        """Return the hash in the PHC string format."""
        with self._running:
            return self._hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether this is the password. Without a hash it is not, and finding that out takes as long."""
        with self._running:
            try:
                return self._hasher.verify(password_hash or self._unmatched, password)
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was calculated with other parameters."""
        return self._hasher.check_needs_rehash(password_hash)


def _unmatched_hash() -> str:
    """Return a hash with the same parameters that no password has: random bytes in place of a result."""
    salt, result = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${result}"
