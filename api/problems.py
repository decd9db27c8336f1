"""The problems (RFC 9457) that the API can return, and the exception that returns one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from api.base_models import ResponseModel

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
"""How long a caller should wait when PostgreSQL cannot be reached. A restart takes about that long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A kind of problem. `slug` never changes; `advice` says what a caller can do."""

    slug: str
    status: int
    title: str
    advice: str

    @property
    def type(self) -> str:
        """A URI reference to the advice on the documentation page."""
        return f"/docs#problem-{self.slug}"


class FieldError(ResponseModel):
    """An error of one field, named like `contacts[3].name`. A header or parameter has its own name."""

    field: str
    message: str


class ProblemDetails(ResponseModel):
    """A problem, as in RFC 9457."""

    type: str = Field(description="The kind of problem. It never changes, and leads to what to do about it.")
    title: str
    status: int
    detail: str = Field(description="What went wrong with this request, in words.")
    request_id: str = Field(description="The request's X-Request-ID, as in the logs.")
    errors: list[FieldError] = Field(description="The fields with errors: the first hundred.")
    more_errors: int = Field(description="How many more field errors there are.")


class RequestRefused(Exception):
    """Raised to end a request with this problem."""

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
    advice="The key lacks the scope or belongs to another church, or a callback's signature is not valid.",
)
NOT_FOUND = Problem(
    slug="not-found",
    status=404,
    title="Not found",
    advice="Nothing exists at this path, or it belongs to another church.",
)
WRONG_METHOD = Problem(
    slug="method-not-allowed",
    status=405,
    title="Method not allowed",
    advice="The `Allow` header lists the methods of this path.",
)
TOO_SLOW = Problem(
    slug="request-too-slow",
    status=408,
    title="The request took too long to arrive",
    advice="Send the request without pauses: it did not arrive completely in time. Nothing was stored.",
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
    title="Not possible in the current state",
    advice=("Read the `status` of the message, delivery or schedule: the request is not possible in that status."),
)
TOO_MANY_SCHEDULES = Problem(
    slug="too-many-schedules",
    status=409,
    title="Too many schedules",
    advice=(
        "Delete schedules that are no longer needed, or ask the operator to raise "
        "`SCHEDULES_PER_CHURCH`. Nothing was stored."
    ),
)
TOO_LARGE = Problem(
    slug="body-too-large",
    status=413,
    title="Body too large",
    advice=(
        "A body may have at most 8 MB: split the import. A carrier's callback may have 64 kB, and a returned mail 1 MB."
    ),
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
    title="Some fields have errors",
    advice=(
        "`errors` lists up to a hundred fields with what is wrong with each; `moreErrors` is the number "
        "of others. Nothing was stored."
    ),
)
TOO_MANY_CHECKS = Problem(
    slug="too-many-media-checks",
    status=429,
    title="Too many pictures are being checked",
    advice=(
        "The media servers of other picture messages of your church have not responded yet. Wait for as "
        "many seconds as `Retry-After` says, then repeat the request. Nothing was stored."
    ),
)
DAILY_LIMIT = Problem(
    slug="daily-limit-reached",
    status=429,
    title="The church's daily limit is reached",
    advice=(
        "`detail` says how many segments the message needs and how many are left on that day. Send it "
        "to fewer people, shorten it, or set `sendAt` to another day; an operator can raise the limit "
        "with `flask set-limits`. Nothing was stored."
    ),
)
HEADERS_TOO_LARGE = Problem(
    slug="headers-too-large",
    status=431,
    title="Headers too large",
    advice="A request may have at most 100 headers of 8 kB each and 64 kB in total.",
)
BROKEN = Problem(
    slug="internal-error",
    status=500,
    title="The service failed",
    advice="Quote the `requestId` when you report it. Repeating a send with its `Idempotency-Key` is safe.",
)
UNAVAILABLE = Problem(
    slug="unavailable",
    status=503,
    title="Temporarily unavailable",
    advice=(
        "Nothing was stored. Wait for as many seconds as `Retry-After` says, then repeat the request "
        "with its `Idempotency-Key`."
    ),
)
OUTCOME_UNKNOWN = Problem(
    slug="outcome-unknown",
    status=503,
    title="It may have been stored",
    advice=(
        "The connection to the database was lost while the request was being stored, so it may or may "
        "not have been stored. Repeat it unchanged with the same `Idempotency-Key`: if it was stored, "
        "you get the stored result; if not, it is stored now. Without a key, check whether it was "
        "stored before you repeat a request that creates a message or a schedule. Any other request may "
        "simply be repeated."
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
