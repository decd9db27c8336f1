"""Pages of lists. https://www.twilio.com/docs/usage/twilios-response#response-formats-list-paging"""

from collections.abc import Iterable
from dataclasses import dataclass

from tools.sandbox.messages.errors import refuse
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import Reply, respond_json
from tools.sandbox.wire.request import Request

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 1_000


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page that a request asks for, counted from 0."""

    path: str
    number: int
    size: int

    def reply(self, name: str, items: list[dict[str, object]]) -> Reply:
        """Return the page as messaging.twilio.com does: the items under `name`, the paging under `meta`."""
        if self.size > LARGEST_PAGE_SIZE:
            return refuse(20007)
        url = f"https://messaging.twilio.com{self.path}"
        meta = {
            "key": name,
            "page": self.number,
            "page_size": self.size,
            "first_page_url": f"{url}?PageSize={self.size}&Page=0",
            "previous_page_url": None,
            "next_page_url": f"{url}{self._next()}" if self._has_more(items) else None,
            "url": f"{url}?PageSize={self.size}&Page={self.number}",
        }
        return respond_json(200, {"meta": meta, name: self._part(items)})

    def reply_2010(self, path: str, name: str, items: Iterable[dict[str, object]]) -> Reply:
        """Return the page as api.twilio.com does: the items under `name`, the paging beside them."""
        if self.size > LARGEST_PAGE_SIZE:
            return refuse(20007)
        everything = list(items)
        paging = {
            "page": self.number,
            "page_size": self.size,
            "first_page_uri": f"{path}?PageSize={self.size}&Page=0",
            "previous_page_uri": None,
            "next_page_uri": f"{path}{self._next()}" if self._has_more(everything) else None,
            "uri": f"{path}?PageSize={self.size}&Page={self.number}",
        }
        return respond_json(200, {**paging, name: self._part(everything)})

    def _part(self, items: list[dict[str, object]]) -> list[dict[str, object]]:
        return items[self.number * self.size : (self.number + 1) * self.size]

    def _has_more(self, items: list[dict[str, object]]) -> bool:
        return len(items) > (self.number + 1) * self.size

    def _next(self) -> str:
        return f"?PageSize={self.size}&Page={self.number + 1}&PageToken=PA{self.number + 1}"


def read_page(request: Request) -> Page:
    """Return the page that the query asks for. What is not a number counts as missing."""
    form = read_form(request.query)
    return Page(
        path=request.path.decode("ascii", "replace"),
        number=_number(first(form, "Page"), default=0),
        size=max(1, _number(first(form, "PageSize"), default=DEFAULT_PAGE_SIZE)),
    )


def _number(text: str, *, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
