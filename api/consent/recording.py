"""POST /api/opt-outs and POST /api/opt-ins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field, StringConstraints, WithJsonSchema, field_validator

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, Moment, RequestModel, ResponseModel, Timestamp, field_error
from api.consent.addressees import Addressee, addresses_of
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.services import services
from store import audit, consent, opt_outs
from store.api_keys import KeyHolder
from store.database import church_scope
from store.opt_outs import OptOut

_CARRIER_SOURCES = (opt_outs.KEYWORD, opt_outs.CARRIER)
_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), STORABLE]


class NewOptOut(Addressee):
    """Who is to get nothing more."""

    reason: _Words | None = Field(
        default=None, description="How the person asked for it, such as: told the office by phone. It is stored."
    )


class ConsentEvidence(RequestModel):
    """What shows that the person agreed. A church must be able to show it for as long as it sends messages."""

    how: _Line = Field(description="How they agreed, such as: paper form at the welcome desk.")
    at: Annotated[Moment, WithJsonSchema({"type": "string", "format": "date-time"})] = Field(
        description="When: a time in RFC 3339 format with an offset."
    )
    words: _Words = Field(description="What they agreed to, or said, in its words.")

    @field_validator("at")
    @classmethod
    def _check_at(cls, at: datetime) -> datetime:
        if at.tzinfo is None:
            raise field_error("must have an offset, such as 2026-12-24T17:00:00-05:00")
        if at > datetime.now(UTC) + timedelta(days=1):
            raise field_error("must be a time in the past")
        return at

    @property
    def text(self) -> str:
        """As it is stored in the history."""
        return f"{self.how}; {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}; {self.words}"


class NewOptIn(Addressee):
    """Who agreed to get messages, and what shows it."""

    evidence: ConsentEvidence


class OptedOut(ResponseModel):
    """An address that is opted out now."""

    address: str
    opted_out_at: Timestamp
    source: str = Field(description="Of the opt-out that holds: an earlier one stays.")
    created: bool = Field(description="False if the address was opted out before.")


class OptOutResult(ResponseModel):
    """The addresses that are opted out."""

    results: list[OptedOut]


class OptedIn(ResponseModel):
    """An address whose consent was recorded."""

    address: str
    lifted: str | None = Field(description="The source of the opt-out that was lifted; null if there was none.")
    must_text_start: bool = Field(
        description=(
            "Whether the person wrote STOP to the church's number. The carrier then keeps an opt-out of its own, which "
            "nobody else can lift: texts are refused until the person texts START to that number."
        )
    )


class OptInResult(ResponseModel):
    """The addresses whose consent was recorded."""

    results: list[OptedIn]


_PROBLEMS = (problems.NOT_FOUND, problems.WRONG_STATE)


@endpoint(
    "POST /api/opt-outs",
    tag="Consent",
    summary="Opt somebody out",
    authentication=with_key("consent:write"),
    body=NewOptOut,
    example={"address": "+12025550123", "reason": "Told the office by phone."},
    responses=(ResponseSpec(status=200, description="The address is opted out.", content=OptOutResult),),
    problems=_PROBLEMS,
)
def add_opt_out(*, caller: KeyHolder, body: NewOptOut) -> ApiResponse:
    """Stops everything that the church sends to an address, or to all addresses of a contact: also what is queued
    already, from the next claim on. It goes by address, so it stays when the contact is changed, deleted, imported or
    added again. Repeating the request has no effect."""
    with church_scope(services().database, caller.church_id) as connection:
        addresses = addresses_of(connection, caller.church_id, body)
        added = {address for address in addresses if _opt_out(connection, caller, address, reason=body.reason)}
        present = {
            each.address: each
            for each in consent.opt_outs_of(connection, church_id=caller.church_id, addresses=addresses)
            if each.sender is None
        }
    results = [_opted_out(present[address], created=address in added) for address in addresses]
    return ApiResponse(status=200, content=OptOutResult(results=results))


@endpoint(
    "POST /api/opt-ins",
    tag="Consent",
    summary="Record that somebody agreed to get messages",
    authentication=with_key("consent:write"),
    body=NewOptIn,
    example={
        "address": "+12025550123",
        "evidence": {
            "how": "Paper form at the welcome desk",
            "at": "2026-11-29T10:40:00-05:00",
            "words": "Text me about services and events. I can text STOP at any time.",
        },
    },
    responses=(ResponseSpec(status=200, description="The consent is recorded.", content=OptInResult),),
    problems=_PROBLEMS,
)
def add_opt_in(*, caller: KeyHolder, body: NewOptIn) -> ApiResponse:
    """Records the consent of a person, with what shows it, and lifts their opt-outs from the next claim on. The
    evidence is kept for ever; nobody can change it. If the person texted STOP to the church's number, the carrier
    refuses texts until they text START to it (`mustTextStart`)."""
    with church_scope(services().database, caller.church_id) as connection:
        addresses = addresses_of(connection, caller.church_id, body)
        before = consent.opt_outs_of(connection, church_id=caller.church_id, addresses=addresses)
        results = [_opt_in(connection, caller, address, body.evidence, before) for address in addresses]
    return ApiResponse(status=200, content=OptInResult(results=results))


def _opt_out(connection: Connection[Any], caller: KeyHolder, address: str, *, reason: str | None) -> bool:
    is_new = opt_outs.opt_out(
        connection,
        church_id=caller.church_id,
        address=address,
        source=opt_outs.API,
        evidence=reason,
        actor=caller.actor,
    )
    if is_new:
        _record(connection, caller, "opt_out.added", address, caller.church_id)
    return is_new


def _opt_in(
    connection: Connection[Any], caller: KeyHolder, address: str, evidence: ConsentEvidence, before: list[OptOut]
) -> OptedIn:
    lifted = consent.opt_in(
        connection,
        church_id=caller.church_id,
        address=address,
        source=opt_outs.API,
        evidence=evidence.text,
        actor=caller.actor,
    )
    _record(connection, caller, "opt_out.removed" if lifted else "consent.recorded", address, caller.church_id)
    own = [each for each in before if each.address == address]
    return OptedIn(
        address=address,
        lifted=lifted.source if lifted else None,
        must_text_start=any(each.source in _CARRIER_SOURCES for each in own),
    )


def _record(connection: Connection[Any], caller: KeyHolder, action: str, address: str, church_id: UUID) -> None:
    audit.record(connection, actor=caller.actor, action=action, subject=address, church_id=church_id)


def _opted_out(present: OptOut, *, created: bool) -> OptedOut:
    return OptedOut(address=present.address, opted_out_at=present.opted_out_at, source=present.source, created=created)
