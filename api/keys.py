"""API keys: a prefix that secret scanners recognize, and 256 random bits. Only the SHA-256 is stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Literal, get_args

Scope = Literal[
    "messages:write",
    "messages:read",
    "contacts:write",
    "contacts:read",
    "consent:write",
    "consent:read",
    "conversations:write",
    "conversations:read",
    "audit:read",
    "analytics:read",
    "people:export",
    "people:erase",
]

SCOPES: tuple[Scope, ...] = get_args(Scope)

_PREFIX = "ksms_"
_RANDOM_BYTES = 32
_HINT_CHARACTERS = 4
_SHAPE = re.compile(_PREFIX + r"[A-Za-z0-9_-]{43}")


def new_key() -> tuple[str, bytes]:
    """Return a new key, which its owner sees once, and the SHA-256 that is stored."""
    key = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    return key, hash_key(key)


def hash_key(key: str) -> bytes:
    """Return the 32 bytes that are stored. A fast hash is enough because 256 random bits cannot be guessed."""
    return hashlib.sha256(key.encode()).digest()


def hint_of(key: str) -> str:
    """Return the last characters of the key, enough to tell keys apart and too few to guess one."""
    return key[-_HINT_CHARACTERS:]


def looks_like_key(text: str) -> bool:
    """Return whether the text has the form of a key. If not, no database look-up is needed."""
    return _SHAPE.fullmatch(text) is not None
