"""What a channel is: its rules for content, its carrier, and how it reads the carrier's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from messaging.addresses import AddressKind
from messaging.states import Status
from messaging.submissions import Envelope, InDoubtDelivery, LookupResult, SubmissionResult
from settings import Settings


class ForgedCallback(Exception):
    """The callback is not signed by the carrier."""


class MalformedCallback(Exception):
    """The callback is signed but says nothing we can use; the message names what is missing."""


class TooManyChecks(Exception):
    """References cannot be checked now: too many checks are under way, of this church (`own`) or of all."""

    def __init__(self, *, own: bool, most: int) -> None:
        super().__init__("too many checks are under way")
        self.own = own
        self.most = most
        """How many a church may have under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """A callback as it came in. `url` is the public one, query included; `header` finds one by name in any case."""

    url: str
    form: Mapping[str, str]
    header: Callable[[str], str | None]


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
        """Submissions that it takes at once at the most, under way or about to be."""
        ...

    def submit(
        self,
        batch: Sequence[Envelope],
        *,
        may_submit: Callable[[], bool],
        on_result: Callable[[SubmissionResult], None],
    ) -> None:
        """Start submitting the whole batch, and return at once.

        `on_result` is called once for each envelope as its result comes in, from any thread. `may_submit` is called
        right before each submission: where it returns False, the result is UNSUBMITTED. Never raises for what the
        carrier answers or fails to answer: the results say that.
        """
        ...

    def look_up(self, in_doubt: Sequence[InDoubtDelivery]) -> Iterator[Sequence[LookupResult]]:
        """Search the carrier's list for each delivery. Yields one result for each, in slices; never raises."""
        ...

    def fetch_statuses(self, carrier_ids: Sequence[str]) -> Iterator[Sequence[CarrierReceipt]]:
        """What became of these submissions, for those of which the carrier has something to say."""
        ...

    def close(self) -> None: ...


Details = Mapping[str, Any]
"""What a message has beyond its content, by the names of the fields in JSON."""


class Channel(Protocol):
    """Everything that differs between texts, pictures and mail."""

    @property
    def name(self) -> str: ...

    @property
    def address_kind(self) -> AddressKind:
        """Which of a contact's addresses it writes to."""
        ...

    @property
    def keeps_quiet_hours(self) -> bool:
        """Whether it wakes people: then nothing is sent outside the church's hours, by the clocks where they are."""
        ...

    def unavailable(self, settings: Settings) -> str | None:
        """Why nothing can be sent on it here, such as `is switched off`; None when something can."""
        ...

    def check_content(self, content: str) -> str | None:
        """What is wrong with the content, for the person who wrote it; None when it can be sent."""
        ...

    @property
    def detail_schemas(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields that a message has beyond its content, by their names in JSON, each as JSON Schema."""
        ...

    def check_details(self, details: Details) -> Mapping[str, str]:
        """What is wrong with these fields, and which are missing, by names such as `mediaUrls[2]`. Empty: all is well.

        Only fields of `detail_schemas` are given, with any values.
        """
        ...

    def check_references(self, details: Details, settings: Settings, *, church_id: UUID) -> Mapping[str, str]:
        """What is wrong with what the fields refer to elsewhere, by names such as `mediaUrls[2]`. Empty: all is well.

        The one check that may ask others, for a few seconds at the most; no transaction is open. The details are sound.
        Raises TooManyChecks.
        """
        ...

    def count_segments(self, content: str) -> int:
        """What one delivery of the content costs of the sender's pace, at least 1."""
        ...

    @property
    def daily_limit_weight(self) -> int:
        """What each segment counts against a church's daily limit; 0: messages of the channel are not counted."""
        ...

    @property
    def can_fetch_statuses(self) -> bool:
        """Whether the carrier can be asked what became of a submission. If not, nobody asks."""
        ...

    @property
    def retryable_codes(self) -> Mapping[str, float]:
        """Codes of failures reported after acceptance that may pass, with the first pause in seconds."""
        ...

    def open_carrier(self, settings: Settings) -> Carrier: ...

    def read_callback(self, callback: Callback, settings: Settings) -> CarrierReceipt | None:
        """The receipt in the callback; None when it tells nothing new.

        Raises ForgedCallback or MalformedCallback.
        """
        ...
