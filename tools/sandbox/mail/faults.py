"""The faults of the mail server, for each step of an SMTP session. JSON at the control API."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from random import Random
from threading import Lock
from typing import Any, cast


class MailFaultError(ValueError):
    """A fault is not valid; the message states the reason."""


class Step(StrEnum):
    """Where in an SMTP session."""

    CONNECT = "connect"
    """Instead of the greeting."""
    LOGIN = "login"
    """At AUTH."""
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    """At the command, before anything of the mail is read."""
    BODY = "body"
    """After the reply 354; the mail is not read to its end. Drop and hang only."""
    DOT = "dot"
    """The mail was read to its end, and is not accepted."""
    ACCEPTED = "accepted"
    """The mail was accepted and is in the ledger; only the reply fails."""


DROP, HANG = "drop", "hang"


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFault:
    """What to do at one step of an SMTP session."""

    at: Step
    do: str
    """`drop` the connection, `hang` without a reply, or the reply itself, such as `550 5.1.1 no such user`."""
    times: int | None = None
    """How many times it happens; None for always."""
    only_to: str | None = None
    """Only for mails to this recipient; possible from RCPT on."""
    share: float = 1.0
    """The probability, from 0 to 1, that it happens when this step is reached."""

    def __post_init__(self) -> None:
        if self.do not in (DROP, HANG) and not (self.do[:3].isdecimal() and self.do[3:4] in ("", " ")):
            raise MailFaultError(f"do: {self.do!r} is neither drop, hang nor an SMTP reply")
        if self.do not in (DROP, HANG) and self.at is Step.BODY:
            raise MailFaultError("do: a server cannot reply in the middle of a mail")
        if self.only_to is not None and self.at in (Step.CONNECT, Step.LOGIN, Step.MAIL):
            raise MailFaultError("only_to: the recipient is not known yet at this step")
        if isinstance(self.share, bool) or not 0 <= self.share <= 1:
            raise MailFaultError(f"share: {self.share!r} is not between 0 and 1")

    @property
    def name(self) -> str:
        """The step and the action, such as `accepted: drop` or `rcpt: 450`."""
        return f"{self.at}: {self.do.partition(' ')[0]}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> "MailFault":
        """Raises MailFaultError."""
        if not isinstance(value, dict):
            raise MailFaultError("a fault must be an object")
        values = dict(cast("dict[str, Any]", value))
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise MailFaultError(f"{min(unknown)}: no such field")
        try:
            return cls(at=Step(values.pop("at")), **values)
        except (KeyError, TypeError, ValueError) as error:
            raise MailFaultError(str(error)) from error


class MailFaults:
    """The faults that are set now. Safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[MailFault] = []
        self._lock = Lock()
        self._met: Counter[str] = Counter()
        self._random = Random(0)  # noqa: S311 (runs must be repeatable)

    def set(self, faults: Iterable[MailFault]) -> None:
        """Replace the faults; counts and random draws start again."""
        with self._lock:
            self._faults = list(faults)
            self._met = Counter()
            self._random.seed(0)

    def counts(self) -> dict[str, int]:
        """Return how often each fault happened since they were set."""
        with self._lock:
            return dict(self._met)

    def next_action(self, step: Step, *, recipient: str | None = None) -> str | None:
        """Return what a fault requires at this step (see `MailFault.do`), or None for normal behaviour."""
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
