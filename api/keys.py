"""API keys: 256 random bits behind a prefix that secret scanners can look for, kept only as their SHA-256."""

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
    """A key as its owner sees it, this once, and the SHA-256 by which it is known afterwards."""
    plain = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    return plain, hash_key(plain)


def hash_key(plain: str) -> bytes:
    """The 32 bytes under which the key is stored. A fast hash will do: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(plain.encode()).digest()


def hint_of(plain: str) -> str:
    """The last characters of the key: enough to tell keys apart, and far too little to guess one."""
    return plain[-_HINT_CHARACTERS:]


def looks_like_key(text: str) -> bool:
    """Whether the text could be a key at all; if not, nobody needs to be asked about it."""
    return _SHAPE.fullmatch(text) is not None
