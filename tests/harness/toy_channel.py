"""A channel made for one test, as docs/adding-a-channel.md tells to make one: notes that go into a box."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from channels.base import Callback, CarrierReceipt, Details, ForgedCallback
from messaging.addresses import AddressKind
from messaging.states import Status
from messaging.submissions import Envelope, InDoubtDelivery, LookupResult, ResultKind, SubmissionResult
from settings import Settings

BOX: dict[str, Envelope] = {}
"""What the carrier has, by its id."""


class BoxCarrier:
    capacity = 10

    def submit(
        self,
        batch: Sequence[Envelope],
        *,
        may_submit: Callable[[], bool],
        on_result: Callable[[SubmissionResult], None],
    ) -> None:
        for envelope in batch:
            named: dict[str, Any] = {"delivery_id": envelope.delivery_id, "attempt": envelope.attempt}
            if may_submit():
                carrier_id = f"note-{uuid4().hex}"
                BOX[carrier_id] = envelope
                on_result(SubmissionResult(**named, kind=ResultKind.ACCEPTED, carrier_id=carrier_id))
            else:
                on_result(SubmissionResult(**named, kind=ResultKind.UNSUBMITTED))

    def look_up(self, in_doubt: Sequence[InDoubtDelivery]) -> Iterator[Sequence[LookupResult]]:
        yield [LookupResult(delivery_id=each.delivery_id, attempt=each.attempt, records=None) for each in in_doubt]

    def fetch_statuses(self, carrier_ids: Sequence[str]) -> Iterator[Sequence[CarrierReceipt]]:
        return iter(())

    def close(self) -> None:
        return None


class NoteChannel:
    name = "note"
    address_kind = AddressKind.PHONE
    keeps_quiet_hours = False
    detail_schemas: Mapping[str, Mapping[str, Any]] = {
        "colour": {"type": "string", "enum": ["yellow", "pink"], "description": "Of the paper."}
    }
    daily_limit_weight = 1
    can_fetch_statuses = False
    retryable_codes: Mapping[str, float] = {}

    def unavailable(self, settings: Settings) -> str | None:
        return None

    def check_content(self, content: str) -> str | None:
        return "does not fit on a note" if len(content) > 100 else None

    def check_details(self, details: Details) -> Mapping[str, str]:
        return {} if details.get("colour", "yellow") in ("yellow", "pink") else {"colour": "must be yellow or pink"}

    def check_references(self, details: Details, settings: Settings, *, church_id: UUID) -> Mapping[str, str]:
        return {}

    def count_segments(self, content: str) -> int:
        return 1

    def open_carrier(self, settings: Settings) -> BoxCarrier:
        return BoxCarrier()

    def read_callback(self, callback: Callback, settings: Settings) -> CarrierReceipt | None:
        if callback.header("x-box-key") != "open sesame":
            raise ForgedCallback
        return CarrierReceipt(carrier_id=callback.form["note"], status=Status.DELIVERED, error_code=None)
