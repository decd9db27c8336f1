"""Filters and pages of the message list."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import urlencode

from tools.sandbox.messages.errors import refuse
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.message import Message
from tools.sandbox.wire.form import Form, first
from tools.sandbox.wire.reply import Reply

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 1_000
_FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")


class _QueryError(ValueError):
    """A query parameter is not valid; holds the error reply with Twilio's code."""

    def __init__(self, code: int, about: str) -> None:
        self.reply = refuse(code, about)


@dataclass(frozen=True, kw_only=True)
class Query:
    """The filters and the page of a list request. Times are in seconds since the epoch, both inclusive."""

    to: str | None
    sender: str | None
    sent_from: float
    sent_until: float
    page: int
    page_size: int
    before: int | None
    """Only messages at ledger positions below this one, where the previous page ended."""
    filters: tuple[tuple[str, str], ...]
    """The filters as given, for the URLs of other pages."""

    @property
    def is_dated(self) -> bool:
        return self.sent_from > 0 or self.sent_until != float("inf")

    def page_url(self, path: str, *, page: int, token: str | None = None) -> str:
        """Return the URL of another page, relative to the host."""
        parts = [*self.filters, ("PageSize", str(self.page_size)), ("Page", str(page))]
        return f"{path}?{urlencode(parts + ([('PageToken', token)] if token else []))}"


def read_query(form: Form) -> Query | Reply:
    """Return the query in a query string, or the error reply."""
    try:
        page_size = _page_size(form)
        on_from, on_until = _span(form, "DateSent")
        return Query(
            to=first(form, "To") or None,
            sender=first(form, "From") or None,
            sent_from=max(on_from, _span(form, "DateSent>")[0]),
            sent_until=min(on_until, _span(form, "DateSent<")[1]),
            page=_number(form, "Page", default=0),
            page_size=page_size,
            before=_page_token(form),
            filters=tuple((name, first(form, name)) for name in _FILTERS if first(form, name)),
        )
    except _QueryError as error:
        return error.reply


def select(ledger: Ledger, query: Query, *, leave_out_unsent: bool) -> tuple[list[Message], bool]:
    """Return the messages of the page, newest first, and whether there are more.

    A message that is not sent yet counts by its creation date. With `leave_out_unsent`, lists filtered by date omit it.
    """
    skipped = query.page * query.page_size if query.before is None else 0
    found = _matching(ledger, query, leave_out_unsent=leave_out_unsent and query.is_dated)
    page = list(islice(found, skipped, skipped + query.page_size + 1))
    return page[: query.page_size], len(page) > query.page_size


def _matching(ledger: Ledger, query: Query, *, leave_out_unsent: bool) -> Iterator[Message]:
    for message in ledger.newest_first(to=query.to, before=query.before):
        if query.sender is not None and message.sender != query.sender:
            continue
        if message.sent_at is None and leave_out_unsent:
            continue
        dated = int(message.created_at if message.sent_at is None else message.sent_at)
        if query.sent_from <= dated <= query.sent_until:
            yield message


def _number(form: Form, name: str, *, default: int) -> int:
    text = first(form, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _QueryError(20001, name)
    return int(text)


def _page_size(form: Form) -> int:
    page_size = _number(form, "PageSize", default=DEFAULT_PAGE_SIZE)
    if page_size > LARGEST_PAGE_SIZE:
        raise _QueryError(20007, "PageSize")
    return max(1, page_size)


def _page_token(form: Form) -> int | None:
    """Return the ledger position in a page token: `PA` and the sid of the last message of the previous page."""
    token = first(form, "PageToken")
    if not token:
        return None
    try:
        return int(token.removeprefix("PA")[-8:], 16)
    except ValueError:
        raise _QueryError(20001, "PageToken") from None


def _span(form: Form, name: str) -> tuple[float, float]:
    """Return the first and last second of a date (a whole day, GMT) or time; without a value, an unbounded range."""
    text = first(form, name)
    if not text:
        return 0.0, float("inf")
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise _QueryError(20001, name) from None
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    length = timedelta(days=1, seconds=-1) if len(text) == len("YYYY-MM-DD") else timedelta(0)
    return start.timestamp(), (start + length).timestamp()
