"""What a person's texts mean for what may be sent to them, and when that is certain. Pure.

While a text is under way, from its first delivery to the answer, its effect may have come or not. Before and after that
it is certain: a STOP that was answered holds, and so does a START.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tools.chaos.workload.planned_writers import ORDER_UNKNOWN_SECONDS, Words
from tools.chaos.workload.writers import WrittenText


class Consent(Enum):
    OPTED_IN = "opted in"
    OPTED_OUT = "opted out"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class _Change:
    at: float
    consent: Consent
    """From then on."""


@dataclass(frozen=True, kw_only=True)
class ConsentHistory:
    """What follows from the texts of one person to one church, in their order."""

    changes: Sequence[_Change]
    events: Sequence[tuple[str, str]] | None
    """The event and the carrier's id of each text that changed something; None if that is not certain."""

    @property
    def at_end(self) -> Consent:
        return self.changes[-1].consent if self.changes else Consent.OPTED_IN

    def during(self, begin: float, end: float) -> Consent:
        """What held at every moment between the two; UNKNOWN if that differs or is not certain."""
        before = [change.consent for change in self.changes if change.at <= begin][-1:] or [Consent.OPTED_IN]
        held = {*before, *(change.consent for change in self.changes if begin < change.at <= end)}
        return held.pop() if len(held) == 1 else Consent.UNKNOWN


def consent_history(texts: Sequence[WrittenText]) -> ConsentHistory:
    """`texts`: of one person to one church, each sent after the one before was answered, without repetitions."""
    reading = _Reading()
    for text in texts:
        if text.words is Words.OPT_OUT:
            reading.read_stop(text)
        elif text.words is Words.OPT_IN:
            reading.read_start(text)
    return ConsentHistory(changes=reading.changes, events=reading.events if reading.is_certain else None)


class _Reading:
    def __init__(self) -> None:
        self.changes: list[_Change] = []
        self.events: list[tuple[str, str]] = []
        self.is_certain = True
        self._consent = Consent.OPTED_IN
        self._opted_out_between = (0.0, 0.0)
        """The opt-out that holds was recorded between these moments."""

    def read_stop(self, text: WrittenText) -> None:
        if self._consent is Consent.OPTED_OUT:
            return  # the first one stays
        earliest = self._opted_out_between[0] if self._consent is Consent.UNKNOWN else text.sent_at
        if text.answered_at is not None:
            self._opted_out_between = (earliest, text.answered_at)
        self._change(text, Consent.OPTED_OUT, event="opt_out")

    def read_start(self, text: WrittenText) -> None:
        if self._consent is Consent.OPTED_IN:
            return
        earliest, latest = self._opted_out_between
        if text.answered_at is not None and text.answered_at - earliest < ORDER_UNKNOWN_SECONDS:
            return  # too soon: it lifts nothing
        is_lifted = text.sent_at - latest >= ORDER_UNKNOWN_SECONDS
        self._change(text, Consent.OPTED_IN if is_lifted else Consent.UNKNOWN, event="opt_in")

    def _change(self, text: WrittenText, consent: Consent, *, event: str) -> None:
        if text.answered_at is None:
            consent = Consent.UNKNOWN
        if consent is Consent.UNKNOWN or self._consent is Consent.UNKNOWN:
            self.is_certain = False
        self.changes.append(_Change(at=text.sent_at, consent=Consent.UNKNOWN))
        if text.answered_at is not None:
            self.changes.append(_Change(at=text.answered_at, consent=consent))
        self._consent = consent
        self.events.append((event, text.carrier_id))
