"""A job that does nothing but answer, for `flask check-redis`."""

from __future__ import annotations


def ping(nonce: str) -> str:
    """The nonce, as proof that a worker read this very job and wrote its result."""
    return nonce
