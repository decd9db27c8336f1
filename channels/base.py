"""The contracts of a channel and of its carrier. That of a channel's routes is in channels/incoming.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from channels.incoming import CarrierReceipt, Inbox, Route, RouteStore
from messaging.addresses import AddressKind
from messaging.submissions import Envelope, InDoubtDelivery, LookupResult, SubmissionResult
from settings import RedisSettings, Settings


class TooManyChecks(Exception):
    """References cannot be checked now: too many checks are running, of this church (`own`) or of all churches."""

    def __init__(self, *, own: bool, most: int) -> None:
        super().__init__("too many checks are running")
        self.own = own
        self.most = most
        """The most checks that one church may have running."""


class Carrier(Protocol):
    """The connections to the carrier. Threads may share it."""

    @property
    def capacity(self) -> int:
        """The largest number of submissions that it accepts at once, in flight or waiting for a connection."""
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
        right before each submission; if it returns False, the result is UNSUBMITTED. Never raises for a refusal or a
        missing response of the carrier: these are results.
        """
        ...

    def look_up(self, in_doubt: Sequence[InDoubtDelivery]) -> Iterator[Sequence[LookupResult]]:
        """Search the carrier's list for each delivery. Yields one result for each, in slices. Never raises."""
        ...

    def fetch_statuses(self, carrier_ids: Sequence[str]) -> Iterator[Sequence[CarrierReceipt]]:
        """Fetch the statuses of these submissions. Yields only those that add something to the acceptance."""
        ...

    def close(self) -> None: ...


Details = Mapping[str, Any]
"""The fields of a message beyond its content, by their names in JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeRules:
    """What holds for the texts of a message that may have merge fields (messaging/merge_fields.py)."""

    longest: Mapping[str, int]
    """The texts, with the most characters that one recipient gets: `content`, and details such as a subject."""
    needs_text: bool
    """Whether a recipient for whom a text is empty gets nothing."""
    counts_segments: bool
    """Whether the segments of a delivery depend on its text."""


class Channel(Protocol):
    """Everything that differs between channels."""

    @property
    def name(self) -> str: ...

    @property
    def address_kind(self) -> AddressKind:
        """Which of a contact's addresses it sends to."""
        ...

    @property
    def keeps_quiet_hours(self) -> bool:
        """Whether its messages are sent only within the church's texting hours, because they can wake people."""
        ...

    def is_enabled(self, settings: RedisSettings) -> bool:
        """Whether it is switched on. If not, its queue is not served."""
        ...

    def unavailable_reason(self, settings: Settings) -> str | None:
        """Why nothing can be sent with these settings, such as `is switched off`; None when it can be sent."""
        ...

    def check_content(self, content: str) -> str | None:
        """What is wrong with the content, for the person who wrote it; None when it can be sent."""
        ...

    @property
    def detail_schemas(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields of a message beyond its content, by their names in JSON, each as JSON Schema."""
        ...

    def check_details(self, details: Details) -> Mapping[str, str]:
        """Field errors, by names such as `mediaUrls[2]`; missing fields included. Empty when the details are valid.

        Only fields of `detail_schemas` are passed, with any values.
        """
        ...

    def check_references(self, details: Details, settings: Settings, *, church_id: UUID) -> Mapping[str, str]:
        """Field errors for what the details refer to, such as a picture that does not exist. Empty when there are none.

        The only check that may use the network, for a few seconds at most; no transaction is open. The details are
        valid by `check_details`. Raises TooManyChecks.
        """
        ...

    @property
    def merge_rules(self) -> MergeRules: ...

    def count_segments(self, content: str) -> int:
        """How many segments one delivery of the content uses of the sender's rate, at least 1."""
        ...

    @property
    def shortens_links(self) -> bool:
        """Whether the links in its texts may be replaced by short ones. In a mail they are clickable words anyway."""
        ...

    @property
    def daily_limit_weight(self) -> int:
        """How much each segment counts against a church's daily limit; 0 when the channel is not limited."""
        ...

    @property
    def can_fetch_statuses(self) -> bool:
        """Whether `Carrier.fetch_statuses` can report anything. If not, it is not called."""
        ...

    @property
    def retryable_codes(self) -> Mapping[str, float]:
        """Codes of failures reported after acceptance that are tried again, with the first backoff in seconds."""
        ...

    @property
    def opted_out_codes(self) -> Collection[str]:
        """Codes of failures reported after acceptance that say that the recipient sent STOP to the carrier."""
        ...

    def explain_code(self, code: str) -> str | None:
        """What one of the carrier's error codes means, in words; None for a code that is not known."""
        ...

    def open_carrier(self, settings: Settings) -> Carrier: ...

    @property
    def routes(self) -> Sequence[Route[RouteStore]]:
        """The routes at which the carrier and recipients send requests: receipts, bounces, pages."""
        ...

    @property
    def inbound_routes(self) -> Sequence[Route[Inbox]]:
        """The routes at which the carrier delivers messages that recipients write."""
        ...
