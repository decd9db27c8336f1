"""The shape of all checks that an operator runs: a step is a name, a function and a remedy.

Carriers declare their own steps with it; those of PostgreSQL, Redis and the settings are in api/checks/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class CheckFailed(Exception):
    """The check failed. `remedy` replaces that of the step. `lost`: the checked server is gone, so the suite ends."""

    def __init__(self, finding: str, *, remedy: str | None = None, lost: bool = False) -> None:
        super().__init__(finding)
        self.remedy = remedy
        self.lost = lost


class CheckWarning(Exception):
    """What the check found is no failure, but someone should look at it."""

    def __init__(self, finding: str, *, remedy: str | None = None) -> None:
        super().__init__(finding)
        self.remedy = remedy


class CheckSkipped(Exception):
    """There is nothing to check. The message gives the reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """`check` returns what it found, and raises CheckFailed, CheckWarning or CheckSkipped.

    Any other exception fails the step too: a check reports whatever happens.
    """

    name: str
    check: Callable[[], str]
    remedy: str
    is_required: bool = False
    """Whether the other steps need this one: if it fails, the suite ends."""


class SenderToCheck(Protocol):
    """From where churches send on a channel, as the ledger has it."""

    @property
    def channel(self) -> str: ...

    @property
    def address(self) -> str | None: ...

    @property
    def messaging_service_sid(self) -> str | None: ...
