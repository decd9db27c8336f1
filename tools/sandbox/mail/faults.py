"""The ways a mail server fails, at each step of a conversation. JSON at the control API."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from random import Random
from threading import Lock
from typing import Any, cast


class MailFaultError(ValueError):
    """A fault that cannot be: the message says why."""


class Step(StrEnum):
    """Where in a conversation."""

    CONNECT = "connect"
    """Instead of the greeting."""
    LOGIN = "login"
    """At AUTH."""
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    """At the command: nothing of the mail was read."""
    BODY = "body"
    """The mail was asked for (354) and is not read to its end. Drop and hang only."""
    DOT = "dot"
    """The mail is whole, and is not taken."""
    ACCEPTED = "accepted"
    """The mail was taken: it is in the ledger, and only the answer goes wrong."""


DROP, HANG = "drop", "hang"


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFault:
    """At this step, do that."""

    at: Step
    do: str
    """`drop` the connection, `hang` without an answer, or the answer itself, such as `550 5.1.1 no such user`."""
    times: int | None = None
    """Only the next so many times; None: from now on."""
    only_to: str | None = None
    """Only mails to this recipient; from RCPT on."""
    share: float = 1.0
    """Of all occasions, how many meet it: a probability from 0 to 1."""

    def __post_init__(self) -> None:
        if self.do not in (DROP, HANG) and not (self.do[:3].isdecimal() and self.do[3:4] in ("", " ")):
            raise MailFaultError(f"do: {self.do!r} is neither drop, hang nor an answer")
        if self.do not in (DROP, HANG) and self.at is Step.BODY:
            raise MailFaultError("do: a server does not answer in the middle of a mail")
        if self.only_to is not None and self.at in (Step.CONNECT, Step.LOGIN, Step.MAIL):
            raise MailFaultError("only_to: the recipient is not known yet at this step")
        if isinstance(self.share, bool) or not 0 <= self.share <= 1:
            raise MailFaultError(f"share: {self.share!r} is not between 0 and 1")

    @property
    def name(self) -> str:
        """Where and what, in short: `accepted: drop`, `rcpt: 450`."""
        return f"{self.at}: {self.do.partition(' ')[0]}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> "MailFault":
        """Raises MailFaultError."""
        if not isinstance(value, dict):
            raise MailFaultError("a fault must be an object")
        given = dict(cast("dict[str, Any]", value))
        if unknown := given.keys() - {field.name for field in fields(cls)}:
            raise MailFaultError(f"{min(unknown)}: no such field")
        try:
            return cls(at=Step(given.pop("at")), **given)
        except (KeyError, TypeError, ValueError) as error:
            raise MailFaultError(str(error)) from error


class MailFaults:
    """Those that are set now. Several threads look."""

    def __init__(self) -> None:
        self._faults: list[MailFault] = []
        self._lock = Lock()
        self._met: Counter[str] = Counter()
        self._random = Random(0)  # noqa: S311 (to be repeatable is the point)

    def set(self, faults: Iterable[MailFault]) -> None:
        """From now on these and no others; they are counted afresh, and so drawn."""
        with self._lock:
            self._faults = list(faults)
            self._met = Counter()
            self._random.seed(0)

    def met(self) -> dict[str, int]:
        """How often each was met since they were set."""
        with self._lock:
            return dict(self._met)

    def meet(self, step: Step, *, recipient: str | None = None) -> str | None:
        """What is to be done at this step; None: what a good server does."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.at is not step or fault.only_to not in (None, recipient) or fault.times == 0:
                    continue
                if fault.share < 1 and self._random.random() >= fault.share:
                    continue
                self._met[fault.name] += 1
                if fault.times is not None:
                    self._faults[place] = replace(fault, times=fault.times - 1)
                return fault.do
        return None
