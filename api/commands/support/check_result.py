"""The result of one check of `flask check-redis`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class CheckStatus(Enum):
    PASSED = auto()
    FAILED = auto()
    UNKNOWN = auto()
    """The check was not possible. It does not count as a failure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    name: str
    status: CheckStatus
    finding: str
    remedy: str = ""
    """What to do about it. Empty when the check passed."""


def passed(name: str, finding: str) -> CheckResult:
    return CheckResult(name=name, status=CheckStatus.PASSED, finding=finding)


def failed(name: str, finding: str, *, remedy: str) -> CheckResult:
    return CheckResult(name=name, status=CheckStatus.FAILED, finding=finding, remedy=remedy)
