"""The problems (RFC 9457) that the API returns, and the exception that ends a request with one."""

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
    """An error in one field of the request."""

    field: str = Field(description="A path such as `contacts[3].name`, or the name of a header or parameter.")
    message: str = Field(description="What is wrong, as the end of a sentence that begins with the field's name.")


class ProblemDetails(ResponseModel):
    """An error response (RFC 9457)."""

    type: str = Field(description="The kind of problem: a link to an explanation. It does not change between releases.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status code.")
    detail: str = Field(description="What is wrong with this request.")
    request_id: str = Field(description="The request's X-Request-ID, by which an operator finds it in the logs.")
    errors: list[FieldError] = Field(description="The errors in the fields of the request, at most 100.")
    more_errors: int = Field(description="How many more field errors there are, which `errors` does not list.")


class RequestRefused(Exception):
    """Ends the request with this problem as its response."""

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
    advice="The body is not valid JSON in UTF-8, or the request is not valid HTTP. Nothing was stored.",
)
NO_KEY = Problem(
    slug="no-valid-key",
    status=401,
    title="A valid key is required",
    advice="Send your church's key as `Authorization: Bearer KEY`. It must be neither revoked nor expired.",
)
FORBIDDEN = Problem(
    slug="not-allowed",
    status=403,
    title="Not allowed",
    advice=(
        "The key lacks the required scope, or belongs to another church. For a callback: the signature is not valid."
    ),
)
CHURCH_SUSPENDED = Problem(
    slug="church-suspended",
    status=403,
    title="The church is suspended",
    advice=(
        "The operator has suspended the church: ask the operator why. Messages and schedules cannot be created until "
        "the operator resumes it; everything can still be read. Nothing was stored."
    ),
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
    advice="The request did not arrive completely in time. Nothing was stored. Send it again without pauses.",
)
KEY_REUSED = Problem(
    slug="idempotency-key-reused",
    status=409,
    title="Idempotency key already used",
    advice=(
        "An earlier request with this `Idempotency-Key` had different content. Use a new key for every new message or "
        "schedule, and the same key only to repeat a request unchanged."
    ),
)
WRONG_STATE = Problem(
    slug="wrong-state",
    status=409,
    title="Not possible in the current state",
    advice=("The message, delivery or schedule does not allow this request in its current status. `detail` says why."),
)
OPTED_OUT = Problem(
    slug="recipient-opted-out",
    status=409,
    title="The person has opted out",
    advice=(
        "Nothing is sent to a number that is opted out, and nothing was stored. Reach the person in another way. If "
        "they want messages again, they text START to the church's number, or `POST /api/opt-ins` records how they "
        "asked for it."
    ),
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
ALREADY_EXISTS = Problem(
    slug="already-exists",
    status=409,
    title="It already exists",
    advice="`detail` names what already exists. Change that instead, or use another name. Nothing was stored.",
)
IN_USE = Problem(
    slug="in-use",
    status=409,
    title="It is needed",
    advice="`detail` names what needs it, at most twenty of each kind. Change or delete that first.",
)
TOO_MANY_GROUPS = Problem(
    slug="too-many-groups",
    status=409,
    title="Too many groups",
    advice="Delete groups that are no longer needed. Nothing was stored.",
)
TOO_MANY_TEMPLATES = Problem(
    slug="too-many-templates",
    status=409,
    title="Too many templates",
    advice="Delete templates that are no longer needed. Nothing was stored.",
)
TOO_MANY_IMPORTS = Problem(
    slug="too-many-imports",
    status=409,
    title="Too many imports wait to be started",
    advice="Start or delete imports that were uploaded before. Nothing was stored.",
)
TOO_LARGE = Problem(
    slug="body-too-large",
    status=413,
    title="Body too large",
    advice=(
        "A body may be at most 8 MB, and the file of an import 25 MB. Split a larger one. A carrier's callback may be "
        "at most 64 kB, and a bounced e-mail at most 1 MB."
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
        "`errors` says what is wrong with each field. It lists at most 100 errors; `moreErrors` is the number of "
        "others. Nothing was stored."
    ),
)
UNREADABLE_FILE = Problem(
    slug="unreadable-file",
    status=422,
    title="The file cannot be read",
    advice="`detail` says what is wrong with the file, and what can be done about it. Nothing was stored.",
)
TOO_MANY_CHECKS = Problem(
    slug="too-many-media-checks",
    status=429,
    title="Too many pictures are being checked",
    advice=(
        "The pictures of other messages of your church are still being checked, because their media servers "
        "are slow. Wait as many seconds as `Retry-After` says, then repeat the request. Nothing was stored."
    ),
)
TOO_MANY_PREVIEWS = Problem(
    slug="too-many-previews",
    status=429,
    title="Too many previews are being calculated",
    advice="Wait as many seconds as `Retry-After` says, then repeat the request.",
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
MONTHLY_QUOTA = Problem(
    slug="monthly-quota-reached",
    status=429,
    title="The church's monthly quota is reached",
    advice=(
        "`detail` says what the quota is, how much of it is used, and when it begins anew. Send the message to fewer "
        "people, shorten it, or set `sendAt` to a later month; an operator can raise the quota with `flask set-quota`. "
        "`GET /api/usage` shows it. Nothing was stored."
    ),
)
HEADERS_TOO_LARGE = Problem(
    slug="headers-too-large",
    status=431,
    title="Headers too large",
    advice="A request may have at most 100 headers, each of at most 8 kB, and 64 kB of headers in total.",
)
BROKEN = Problem(
    slug="internal-error",
    status=500,
    title="The service failed",
    advice="Please report it with the `requestId`. It is safe to repeat a send with its `Idempotency-Key`.",
)
UNAVAILABLE = Problem(
    slug="unavailable",
    status=503,
    title="Temporarily unavailable",
    advice=(
        "Nothing was stored. Wait as many seconds as `Retry-After` says, then repeat the request, with the "
        "same `Idempotency-Key` if it had one."
    ),
)
OUTCOME_UNKNOWN = Problem(
    slug="outcome-unknown",
    status=503,
    title="The request may have been stored",
    advice=(
        "The connection to the database was lost while the request was being stored, so it may or may not "
        "have been stored. If you sent an `Idempotency-Key`, repeat the request unchanged with the same key: "
        "you get the stored result, or the request is stored now. If you sent none, check whether the message "
        "or schedule was created before you repeat the request. Any other request can simply be repeated."
    ),
)

CATALOGUE: tuple[Problem, ...] = (
    MALFORMED,
    NO_KEY,
    CHURCH_SUSPENDED,
    FORBIDDEN,
    NOT_FOUND,
    WRONG_METHOD,
    TOO_SLOW,
    KEY_REUSED,
    WRONG_STATE,
    OPTED_OUT,
    TOO_MANY_SCHEDULES,
    ALREADY_EXISTS,
    IN_USE,
    TOO_MANY_GROUPS,
    TOO_MANY_TEMPLATES,
    TOO_MANY_IMPORTS,
    TOO_LARGE,
    WRONG_MEDIA_TYPE,
    INVALID,
    UNREADABLE_FILE,
    TOO_MANY_CHECKS,
    TOO_MANY_PREVIEWS,
    DAILY_LIMIT,
    MONTHLY_QUOTA,
    HEADERS_TOO_LARGE,
    BROKEN,
    UNAVAILABLE,
    OUTCOME_UNKNOWN,
)
