"""What one step of a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Verdict(Enum):
    PASSED = auto()
    FAILED = auto()
    UNKNOWN = auto()
    """It could not be found out; nothing says that it is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    name: str
    verdict: Verdict
    finding: str
    remedy: str = ""
    """What to do about it, unless it passed."""


def passed(name: str, finding: str) -> Outcome:
    return Outcome(name=name, verdict=Verdict.PASSED, finding=finding)


def failed(name: str, finding: str, *, remedy: str) -> Outcome:
    return Outcome(name=name, verdict=Verdict.FAILED, finding=finding, remedy=remedy)
