"""API keys: 256 random bits after a prefix that secret scanners recognise. Only their SHA-256 is stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Literal, get_args

Scope = Literal["messages:write", "messages:read", "contacts:write", "contacts:read"]

SCOPES: tuple[Scope, ...] = get_args(Scope)

_PREFIX = "ksms_"
_RANDOM_BYTES = 32
_HINT_CHARACTERS = 4
_SHAPE = re.compile(_PREFIX + r"[A-Za-z0-9_-]{43}")


def new_key() -> tuple[str, bytes]:
    """Return a new key, which its owner sees once, and the SHA-256 that is stored."""
    plain = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    return plain, hash_key(plain)


def hash_key(plain: str) -> bytes:
    """Return the 32 bytes that are stored. A fast hash is enough, since 256 random bits cannot be guessed."""
    return hashlib.sha256(plain.encode()).digest()


def hint_of(plain: str) -> str:
    """Return the last characters of the key, enough to tell keys apart and too few to guess one."""
    return plain[-_HINT_CHARACTERS:]


def looks_like_key(text: str) -> bool:
    """Return whether the text has the form of a key. If not, the database need not be asked."""
    return _SHAPE.fullmatch(text) is not None
