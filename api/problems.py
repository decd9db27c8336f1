"""Everything the API can refuse with: the catalogue of problems (RFC 9457) and the exception that raises one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from api.models import ResponseModel

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
"""How long a caller should wait when the database is away; a restart takes about that long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One kind of refusal. `slug` names it for ever, `advice` tells a caller what to do about it."""

    slug: str
    status: int
    title: str
    advice: str

    @property
    def type(self) -> str:
        """A URI reference that leads to the advice on the documentation page."""
        return f"/docs#problem-{self.slug}"


class FieldError(ResponseModel):
    """What is wrong with one field, named like `contacts[3].name`; a header or parameter by its own name."""

    field: str
    message: str


class ProblemDetails(ResponseModel):
    """What went wrong, as in RFC 9457."""

    type: str = Field(description="Which problem this is, for ever; leads to what to do about it.")
    title: str
    status: int
    detail: str = Field(description="What was wrong this time, for people.")
    request_id: str = Field(description="The request's X-Request-ID, under which it was logged.")
    errors: list[FieldError] = Field(description="The wrong fields, when fields are wrong: the first hundred.")
    more_errors: int = Field(description="How many more fields are wrong than are listed in `errors`.")


class RequestRefused(Exception):
    """ApiResponse the request with this problem and go no further."""

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        more_errors: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.errors = tuple(errors)
        self.more_errors = more_errors
        self.headers = dict(headers or {})


MALFORMED = Problem(
    slug="malformed-json",
    status=400,
    title="The request cannot be read",
    advice="The body is not JSON in UTF-8, or the request breaks HTTP. Nothing was stored.",
)
NO_KEY = Problem(
    slug="no-valid-key",
    status=401,
    title="A valid key is needed",
    advice="Send `Authorization: Bearer` with a key of your church that has not been revoked.",
)
FORBIDDEN = Problem(
    slug="not-allowed",
    status=403,
    title="Not allowed",
    advice="The key lacks the scope, speaks for another church, or a callback's signature does not fit.",
)
NOT_FOUND = Problem(
    slug="not-found",
    status=404,
    title="Not found",
    advice="There is nothing at this address, or it belongs to another church.",
)
WRONG_METHOD = Problem(
    slug="method-not-allowed",
    status=405,
    title="Method not allowed",
    advice="The `Allow` header lists what works at this address.",
)
TOO_SLOW = Problem(
    slug="request-too-slow",
    status=408,
    title="The request took too long to arrive",
    advice="Send the request without pauses: it was not read to its end. Nothing was stored.",
)
KEY_REUSED = Problem(
    slug="idempotency-key-reused",
    status=409,
    title="Idempotency key used for another message",
    advice="Use a new `Idempotency-Key` for every new message, and the same one only to repeat a request unchanged.",
)
WRONG_STATE = Problem(
    slug="wrong-state",
    status=409,
    title="Not possible as things stand",
    advice="Look at the `status` of what you named: what you asked for does not fit it.",
)
TOO_MANY_SCHEDULES = Problem(
    slug="too-many-schedules",
    status=409,
    title="Too many schedules",
    advice="Delete schedules that are no longer needed, or have `SCHEDULES_PER_CHURCH` raised. Nothing was stored.",
)
TOO_LARGE = Problem(
    slug="body-too-large",
    status=413,
    title="Body too large",
    advice="A body may have 8 MB: split the import. A carrier's callback may have 64 kB, a mail that came back 1 MB.",
)
WRONG_MEDIA_TYPE = Problem(
    slug="unsupported-media-type",
    status=415,
    title="Unsupported media type",
    advice="Send `Content-Type: application/json`.",
)
INVALID = Problem(
    slug="invalid-fields",
    status=422,
    title="Some fields are wrong",
    advice=(
        "`errors` names the wrong fields, each with what is wrong about it, up to a hundred at once; `moreErrors` says "
        "how many more there are. Nothing was stored."
    ),
)
TOO_MANY_CHECKS = Problem(
    slug="too-many-media-checks",
    status=429,
    title="Too many pictures are being looked at",
    advice=(
        "The media servers of your church's other picture messages have not answered yet. Wait as many seconds as "
        "`Retry-After` says, then repeat the request. Nothing was stored."
    ),
)
DAILY_LIMIT = Problem(
    slug="daily-limit-reached",
    status=429,
    title="The church's daily limit is reached",
    advice=(
        "`detail` says how many segments the message needs and how many are left on its day. Send it to fewer people, "
        "shorten it, or give it a `sendAt` on another day; an operator can raise the limit with `flask set-limits`. "
        "Nothing was stored."
    ),
)
HEADERS_TOO_LARGE = Problem(
    slug="headers-too-large",
    status=431,
    title="Headers too large",
    advice="A request may have 100 headers of 8 kB, and 64 kB of them in all.",
)
BROKEN = Problem(
    slug="internal-error",
    status=500,
    title="Something broke on our side",
    advice="Quote the `requestId` when you report it. Repeating a send with its `Idempotency-Key` is safe.",
)
UNAVAILABLE = Problem(
    slug="unavailable",
    status=503,
    title="Temporarily unavailable",
    advice=(
        "Nothing was stored. Wait as many seconds as `Retry-After` says, then repeat the request with its "
        "`Idempotency-Key`."
    ),
)
OUTCOME_UNKNOWN = Problem(
    slug="outcome-unknown",
    status=503,
    title="It may have been stored",
    advice=(
        "The connection to the database was lost while the request was being stored: it may have been stored or not. "
        "Repeat it unchanged with the same `Idempotency-Key`: what was stored is then answered, and what was not is "
        "made. Without such a key, look what is there before you repeat a request that makes a message or a schedule; "
        "any other request may simply be repeated."
    ),
)

CATALOGUE: tuple[Problem, ...] = (
    MALFORMED,
    NO_KEY,
    FORBIDDEN,
    NOT_FOUND,
    WRONG_METHOD,
    TOO_SLOW,
    KEY_REUSED,
    WRONG_STATE,
    TOO_MANY_SCHEDULES,
    TOO_LARGE,
    WRONG_MEDIA_TYPE,
    INVALID,
    TOO_MANY_CHECKS,
    DAILY_LIMIT,
    HEADERS_TOO_LARGE,
    BROKEN,
    UNAVAILABLE,
    OUTCOME_UNKNOWN,
)
