"""What the server takes from a client, and how long it waits for one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """For one web process; gunicorn.conf.py sets them."""

    header_seconds: float
    """Within which the head of a request must arrive, from its first byte (or from the connection's beginning)."""
    body_seconds: float
    """For a body to arrive, or an answer to be taken, besides the time that it needs at `bytes_per_second`."""
    bytes_per_second: float
    """A client that is slower than this, when `body_seconds` are over, is disconnected."""
    connections: int
    """Open at once. Beyond this, the one that has waited for its client longest is closed."""
    buffer_bytes: int
    """Held for all connections: requests, and answers not taken. Beyond this, one that holds much of it is closed."""
    head_bytes: int = 65_536
    """The largest request line with all headers."""
    body_bytes: int = 8_400_000
    """The largest body that is read. The application takes a little less, and answers by itself what is above that."""

    def transfer_seconds(self, size: int) -> float:
        """How long a client may take for so many bytes."""
        return self.body_seconds + size / self.bytes_per_second
