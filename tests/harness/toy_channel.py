"""An example channel for tests and for docs/adding-a-channel.md: its carrier stores notes in a dictionary.

It declares a route for receipts, and one for notes from recipients.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from channels.base import Details, MergeRules
from channels.incoming import (
    FORM,
    NO_CONTENT,
    CarrierReceipt,
    ForgedRequest,
    InboundMessage,
    Inbox,
    IncomingRequest,
    MalformedRequest,
    Route,
    RouteKind,
    RouteResponse,
    RouteStore,
    parse_form,
)
from messaging.addresses import AddressKind
from messaging.states import Status
from messaging.submissions import Envelope, InDoubtDelivery, LookupResult, ResultKind, SubmissionResult
from settings import RedisSettings, Settings

BOX: dict[str, Envelope] = {}
"""What the carrier has accepted, by its id."""


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


def verify(request: IncomingRequest) -> None:
    """Check the password in a header. Real carriers sign the URL and the body."""
    if request.header("X-Box-Key") != "open sesame":
        raise ForgedRequest("The key of the box is missing.")


def take_receipt(request: IncomingRequest, store: RouteStore) -> RouteResponse:
    verify(request)
    form = parse_form(request.read(-1))
    if "note" not in form:
        raise MalformedRequest("note is missing")
    receipt = CarrierReceipt(carrier_id=form["note"], status=Status.DELIVERED, error_code=None)
    store.store_receipt(receipt, delivery_id=request.delivery_id, attempt=request.attempt)
    return NO_CONTENT


def take_note(request: IncomingRequest, inbox: Inbox) -> RouteResponse:
    verify(request)
    form = parse_form(request.read(-1))
    inbox.receive(
        InboundMessage(channel="note", sender=form["from"], to=form["to"], text=form["text"], carrier_id=form["note"])
    )
    return NO_CONTENT


class NoteChannel:
    name = "note"
    address_kind = AddressKind.PHONE
    keeps_quiet_hours = False
    shortens_links = False
    detail_schemas: Mapping[str, Mapping[str, Any]] = {
        "colour": {"type": "string", "enum": ["yellow", "pink"], "description": "Of the paper."}
    }
    merge_rules = MergeRules(longest={"content": 100}, needs_text=False, counts_segments=False)
    daily_limit_weight = 1
    can_fetch_statuses = False
    retryable_codes: Mapping[str, float] = {}
    opted_out_codes: Collection[str] = ()
    routes: Sequence[Route[RouteStore]] = (
        Route(
            name="take_note_receipt",
            kind=RouteKind.STATUS_CALLBACK,
            method="POST",
            path="/callbacks/note/{delivery_id}/{attempt}",
            media_types=(FORM,),
            handle=take_receipt,
            summary="Receive a receipt of the box",
            signature_header=("X-Box-Key", "The password of the box."),
        ),
    )
    inbound_routes: Sequence[Route[Inbox]] = (
        Route(
            name="take_note",
            kind=RouteKind.INBOUND_MESSAGE,
            method="POST",
            path="/callbacks/note/inbound",
            media_types=(FORM,),
            handle=take_note,
            summary="Receive a note from a recipient",
        ),
    )

    def is_enabled(self, settings: RedisSettings) -> bool:
        return True

    def unavailable_reason(self, settings: Settings) -> str | None:
        return None

    def check_content(self, content: str) -> str | None:
        return "does not fit on a note" if len(content) > 100 else None

    def check_details(self, details: Details) -> Mapping[str, str]:
        return {} if details.get("colour", "yellow") in ("yellow", "pink") else {"colour": "must be yellow or pink"}

    def check_references(self, details: Details, settings: Settings, *, church_id: UUID) -> Mapping[str, str]:
        return {}

    def count_segments(self, content: str) -> int:
        return 1

    def explain_code(self, code: str) -> str | None:
        return {"full": "the box is full"}.get(code)

    def open_carrier(self, settings: Settings) -> BoxCarrier:
        return BoxCarrier()
