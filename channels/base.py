"""What a channel is: its rules for content, its carrier, and how it reads the carrier's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from messaging.outcomes import Envelope, Outcome, Sighting, Suspect
from messaging.states import Status
from settings import Settings


class ForgedCallback(Exception):
    """The callback is not signed by the carrier."""


class MalformedCallback(Exception):
    """The callback is signed but says nothing we can use; the message names what is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """A callback as it came in. `url` is the public one, query included; `headers` by lower-case name."""

    url: str
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrierReceipt:
    """What the carrier says became of one submission."""

    carrier_id: str
    status: Status
    error_code: str | None


class Carrier(Protocol):
    """An open line to the carrier. Threads may share it."""

    @property
    def capacity(self) -> int:
        """How many submissions fly at once at the most."""
        ...

    def send(
        self, batch: Sequence[Envelope], *, may_submit: Callable[[], bool], take: Callable[[Outcome], None]
    ) -> None:
        """Start submitting the whole batch and return at once: this never blocks on the network.

        `take` is called with exactly one outcome for each envelope, from any thread, as they come in. `may_submit` is
        asked right before each submission, and what it forbids is handed back as Verdict.UNSUBMITTED. Never raises for
        what the carrier says or fails to say: that is in the outcomes.
        """
        ...

    def look_up(self, suspects: Sequence[Suspect]) -> Iterator[Sequence[Sighting]]:
        """Read the carrier's list for each suspect: one sighting for each, in slices. Never raises for the carrier."""
        ...

    def ask(self, carrier_ids: Sequence[str]) -> Iterator[Sequence[CarrierReceipt]]:
        """What became of these submissions, for those of which the carrier has something to say."""
        ...

    def close(self) -> None: ...


class Channel(Protocol):
    """Everything that differs between texts, pictures and mail."""

    @property
    def name(self) -> str: ...

    def check_content(self, content: str) -> str | None:
        """What is wrong with the content, for the person who wrote it; None when it can be sent."""
        ...

    def count_segments(self, content: str) -> int:
        """What one delivery of the content costs of the sender's pace, at least 1."""
        ...

    @property
    def passing_codes(self) -> Mapping[str, float]:
        """Codes of failures reported after acceptance that may pass, with the first pause in seconds."""
        ...

    def open_carrier(self, settings: Settings) -> Carrier: ...

    def read_callback(self, callback: Callback, settings: Settings) -> CarrierReceipt | None:
        """The receipt in the callback; None when it tells nothing new.

        Raises ForgedCallback or MalformedCallback.
        """
        ...
