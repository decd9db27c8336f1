"""The kinds of difference that a comparison can find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """The worst first."""

    LOST = "lost"
    """Accepted, due and not at the carrier, or recorded as sent and not there; or never expanded; or suppressed
    although the recipient did not opt out. Also a text of a person, or its effect."""
    DOUBLED = "doubled"
    """One recipient has a message twice: as two texts, or as mails with different Message-IDs."""
    OPTED_OUT = "written to after STOP"
    """A text was claimed after the recipient's STOP was answered, or arrived more than a lease after that."""
    REPEATED = "mails repeated too often"
    """More copies of one mail, all with the same Message-ID, than are allowed (docs/decisions/0012)."""
    MISMATCHED = "mismatched"
    """Sent to another address, with other content, too early, or without a delivery in the product's tables; or what
    a person wrote is stored otherwise."""
    TOO_FAST = "faster than its pace"
    """A sender submitted more segments in some time than its pace allows."""
    MISCOUNTED = "counts that do not add up"
    WRONGLY_FAILED = "failed without a refusal"
    """Recorded as failed although the carrier never refused the recipient for good."""
    UNKNOWN = "unknown"
    """Still in doubt."""
    WRONG_STATUS = "wrong status"
    """The delivery's status or carrier id differs from the carrier's."""
    UNCOMPLETED = "not completed"
    """A message with nothing left to submit that is not recorded as completed."""


FAILING_KINDS = (
    FindingKind.LOST,
    FindingKind.DOUBLED,
    FindingKind.OPTED_OUT,
    FindingKind.REPEATED,
    FindingKind.MISMATCHED,
    FindingKind.TOO_FAST,
    FindingKind.MISCOUNTED,
)
"""One finding of these kinds makes the run fail; the others are only reported."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: FindingKind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"
