"""How the sandbox delivers status callbacks."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CallbackOptions:
    """Few connections to one host; a failed callback is retried."""

    connections: int = 8
    """The most connections to one host. They stay open between callbacks."""
    attempts: int = 5
    """The most attempts for one callback. It is retried after no answer, 429 or 5xx."""
    backoff_ms: float = 50.0
    """The wait before the second attempt; it doubles with each further one."""
    timeout_ms: float = 15_000.0
    """How long the answer may take. Twilio's own limit is 15 seconds."""
