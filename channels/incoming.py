"""Requests from carriers and recipients: the routes that a channel declares, and what their handlers may use.

No web framework is imported here, nor by any channel. The API mounts the routes (api/channel_routes/) and implements
`RouteStore`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar
from urllib.parse import unquote_plus
from uuid import UUID

from pydantic import BaseModel

from messaging.consent_keywords import KeywordKind
from messaging.states import Status
from settings import Settings

FORM = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 200
"""Carriers send about twenty. Checking a signature takes time for each field, before the sender is verified."""


class ForgedRequest(Exception):
    """Nothing proves that the request comes from the carrier. The message is the `detail` of the 403 response."""


class MalformedRequest(Exception):
    """The sender is verified, but the request cannot be read. The message says what is wrong or missing."""

    def __init__(self, reason: str, *, delivery_id: UUID | None = None) -> None:
        super().__init__(reason)
        self.delivery_id = delivery_id


class NeedsThread(Exception):
    """The request cannot be judged on the event loop. It is judged again from the beginning, in a thread."""


class RouteDisabled(Exception):
    """The channel accepts no such requests with these settings. The message is the `detail` of the 403 response."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrierReceipt:
    """The carrier's report on one submission."""

    carrier_id: str
    status: Status
    error_code: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMedia:
    """A picture or another file that a recipient sent. It stays at the carrier."""

    url: str
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMessage:
    """A message that a recipient wrote to a church."""

    channel: str
    """The channel of the message: with media it may be another one than that of the route."""
    sender: str
    """The recipient's address: the phone number in E.164, or the mail address."""
    to: str
    """The church's address that the message was sent to."""
    text: str
    """Without NUL characters."""
    carrier_id: str
    """The carrier's id. A carrier may send the same message twice."""
    messaging_service_sid: str | None = None
    """The messaging service that the address belongs to, if the carrier names one."""
    media: tuple[InboundMedia, ...] = ()
    carrier_keyword: KeywordKind | None = None
    """What the carrier says that the words ask for. It has answered them."""
    carrier_answers_by_default: bool = False
    """Without `carrier_keyword`: whether the carrier answers these words, unless that is switched off there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkRecipient:
    """What a signed link in a mail names."""

    delivery_id: UUID
    church_id: UUID | None = None
    """With `address`: who the recipient is when the delivery is no longer kept. None in links of earlier releases."""
    address: str | None = None


class Recipient(Protocol):
    """The recipient of one delivery, as a page may show it."""

    @property
    def church_name(self) -> str: ...

    @property
    def address(self) -> str: ...

    @property
    def opted_out(self) -> bool:
        """Whether the recipient opted out. An address that bounced has not."""
        ...

    @property
    def can_undo(self) -> bool:
        """Whether the opt-out came from a link and is recent enough to be undone."""
        ...


class RouteStore(Protocol):
    """What a route's handler may read and store. Every write is committed when the method returns.

    All methods raise psycopg.Error when the database is away, which the API answers with 503.
    """

    def store_receipt(self, receipt: CarrierReceipt, *, delivery_id: UUID, attempt: int) -> None:
        """Store the receipt and enqueue the job that applies it. A receipt that is already stored changes nothing."""
        ...

    def store_bounce(self, receipt: CarrierReceipt, *, delivery_id: UUID, attempt: int, suppress_address: bool) -> None:
        """Store the receipt. With `suppress_address`, also suppress the address for the church."""
        ...

    def find_recipient(self, link: LinkRecipient) -> Recipient | None:
        """The recipient that the link names; None if neither the delivery nor the link says who it is."""
        ...

    def opt_out(self, link: LinkRecipient) -> None:
        """Opt the recipient out of all messages of the church, as of now."""
        ...

    def undo_opt_out(self, link: LinkRecipient, *, evidence: str) -> bool:
        """Undo a recent opt-out that came from a link; False when there is none. `evidence` is stored with it."""
        ...


class Inbox(Protocol):
    """What the handler of an inbound route may use."""

    def receive(self, message: InboundMessage) -> None:
        """Store the message and act on its keywords. Everything is committed when this returns.

        A message that is stored already changes nothing, and one to an address of no church is not stored. Raises
        psycopg.Error when the database is away, which the API answers with 503.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class IncomingRequest:
    """A request to one of a channel's routes."""

    url: str
    """The public URL, with the query, as the carrier signs it."""
    parameters: Mapping[str, str]
    """The parameters of the path."""
    query: Mapping[str, str]
    """The query parameters that the route declares."""
    header: Callable[[str], str | None]
    """Returns a header by its name, in any case."""
    read: Callable[[int], bytes]
    """Returns the next bytes of the body, as many as asked for; with -1 all that are left.

    The API refuses the request (413) when more is read than the route's `max_bytes`.
    """
    settings: Settings
    is_on_event_loop: bool = False
    """Whether this is judged on the event loop of the web process, which it must not block: where the handler would
    compute for longer than some 0.1 ms, it raises NeedsThread instead. Only for status callbacks."""

    @property
    def delivery_id(self) -> UUID:
        """The path's `{delivery_id}`."""
        return UUID(self.parameters["delivery_id"])

    @property
    def attempt(self) -> int:
        """The path's `{attempt}`."""
        return int(self.parameters["attempt"])


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteResponse:
    """The response to a request that was accepted. To refuse a request, the handler raises."""

    status: int = 204
    body: bytes = b""
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


NO_CONTENT = RouteResponse()
"""The request was accepted, and there is nothing to return."""


class RouteKind(StrEnum):
    """What a route receives. The authentication and the documentation follow from it."""

    STATUS_CALLBACK = "status callback"
    """The carrier reports on one submission. Three come for every text, so they are judged on the event loop of the web
    process. If the handler raises anything there, or returns anything but NO_CONTENT, or uses any other method of the
    store than `store_receipt`, the request is judged again in a thread, so it is called up to two times."""
    BOUNCE = "bounce"
    """A bounced mail."""
    INBOUND_MESSAGE = "inbound message"
    """A recipient writes to the church. Its handler gets an Inbox instead of a RouteStore."""
    PAGE = "page"
    """A page for a recipient, such as the one to unsubscribe. Anyone may open it; its URL carries a signed token."""


HandlerUses = TypeVar("HandlerUses", contravariant=True)
"""What the handler gets besides the request: a RouteStore, or an Inbox."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route(Generic[HandlerUses]):
    """One URL path at which a channel receives requests.

    The handler verifies who sent the request before it uses anything of it; for a page, it checks the token. It raises
    ForgedRequest, MalformedRequest or RouteDisabled.
    """

    name: str
    """Unique among all channels. The operation's id in /openapi.json, and the name of the route in Flask."""
    kind: RouteKind
    method: str
    path: str
    """Such as `/callbacks/sms/{delivery_id}/{attempt}`.

    `{delivery_id}` matches a UUID, `{attempt}` a number from 1 to 32767, any other name one segment of the path.
    """
    handle: Callable[[IncomingRequest, HandlerUses], RouteResponse]
    media_types: tuple[str, ...] = ()
    """The media types that the body may have. Empty: the body is not read."""
    max_bytes: int = 64 * 1024
    too_large: str = "The body may be up to 64 kB."
    """The `detail` of the 413 response."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    """The query parameters that are read, each with a description. If any is declared, others are refused."""
    success_status: int = 204
    """The status of the response to an accepted request, for /openapi.json."""
    success_media_type: str | None = None
    """The media type of that response; None if it has no body."""
    summary: str = ""
    description: str = ""
    form: type[BaseModel] | None = None
    """The fields of the form, for /openapi.json. The handler parses the form itself: carriers may add fields."""
    signature_header: tuple[str, str] | None = None
    """The header that carries the signature and its description, for /openapi.json."""


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form, with the last value of a repeated field. Raises MalformedRequest.

    Reads as urllib.parse.parse_qsl does, which decodes every name and value, although few contain anything encoded.
    """
    parts = body.decode("utf-8", "replace").split("&")
    if len(parts) > MAX_FORM_FIELDS:
        raise MalformedRequest(f"the form has more than {MAX_FORM_FIELDS} fields")
    form: dict[str, str] = {}
    for part in parts:
        if part:
            name, _, value = part.partition("=")
            form[_decoded(name)] = _decoded(value)
    return form


def _decoded(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text
