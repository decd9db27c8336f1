"""What a comparison can find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Wrong(StrEnum):
    """What can be wrong, the worst first."""

    LOST = "lost"
    """Accepted and not sent, though it is due to be or claims to be; or never expanded."""
    DOUBLED = "doubled"
    """Sent more than once: a text twice, or one mail as two."""
    TOO_OFTEN = "mails repeated too often"
    """More copies of one mail, all with the same Message-ID, than are allowed (docs/decisions/0012)."""
    MIXED_UP = "mixed up"
    """Sent to another address, with other words or pictures, or of no delivery that the product knows."""
    COUNTS = "counts that do not add up"
    GIVEN_UP = "given up"
    """Marked as failed though the carrier never refused the recipient for good."""
    UNKNOWN = "unknown"
    """Held, for nobody knows whether the carrier has it."""
    STATUS = "wrong status"
    """The delivery ends otherwise than at the carrier."""
    UNCOMPLETED = "not completed"
    """A message with nothing left to submit that is not marked so."""


UNFORGIVABLE = (Wrong.LOST, Wrong.DOUBLED, Wrong.TOO_OFTEN, Wrong.MIXED_UP, Wrong.COUNTS)


@dataclass(frozen=True, kw_only=True)
class Finding:
    wrong: Wrong
    what: str

    def __str__(self) -> str:
        return f"{self.wrong}: {self.what}"
