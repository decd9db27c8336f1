"""How a carrier's error is classified: the kind of result, and the reason that is shown to people."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.submissions import ResultKind


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorClassification:
    """The kind of result and the reason for an error. The error table of each carrier maps codes to these."""

    kind: ResultKind
    reason: str
    opted_out: bool = False
    """The recipient has opted out at the carrier, as with STOP."""
