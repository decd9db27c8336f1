"""How a carrier's error is classified: what it means for the delivery, and why, in words for people."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.submissions import ResultKind


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorClassification:
    """The kind of result that an error stands for. Every carrier's error table maps its codes to these."""

    kind: ResultKind
    reason: str
    opted_out: bool = False
    """The recipient told the carrier to stop."""
