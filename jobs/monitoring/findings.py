"""What a check found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.monitoring.alert_kinds import AlertKind

Fact = str | int | float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong."""

    summary: str
    """One sentence without a full stop. It contains no whole address, no secret and no text of a message."""
    subject: str = ""
    """Which of several it is, such as the name of a queue."""
    facts: Mapping[str, Fact] = field(default_factory=dict[str, Fact])
    """The measured values, by names as in the API's JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Everything that is wrong of one kind. What is not listed is fine.

    A kind that could not be checked has no Check: its incidents then neither begin nor end.
    """

    kind: AlertKind
    findings: Sequence[Finding] = ()
    is_complete: bool = True
    """If false, more may be wrong than is listed: no incident of the kind recovers."""


def check(kind: AlertKind, *findings: Finding | None) -> Check:
    """Return the check with those of the findings that are not None."""
    return Check(kind=kind, findings=tuple(finding for finding in findings if finding is not None))
