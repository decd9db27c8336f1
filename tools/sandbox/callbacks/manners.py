"""How the carrier behaves towards those it calls back."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Manners:
    """Like a kind carrier: few connections, and a callback that fails is made again."""

    connections: int = 8
    """At most so many to one host at once, kept open between callbacks."""
    attempts: int = 5
    """How often a callback is made at most: it is made again if there was no answer, or 429 or 5xx."""
    backoff_ms: float = 50.0
    """Wait before the second attempt; it doubles with each further one."""
    timeout_ms: float = 15_000.0
    """How long an answer may take. Twilio's own is 15 seconds."""
