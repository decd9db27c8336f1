"""GET and POST /unsubscribe/{token}, and /unsubscribe/{token}/undo: the pages behind the link in every mail.

A GET changes nothing: mail readers and virus scanners open every link. A POST opts the recipient out, from the page's
button or from the mail reader itself (one-click, RFC 8058). It needs no cookie and no key: the signed token in the link
authorizes it. For some days the page offers to undo the opt-out, at a URL that is in no mail, so that no mail reader
posts to it automatically.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from channels.incoming import IncomingRequest, LinkRecipient, Recipient, Route, RouteKind, RouteResponse, RouteStore
from channels.mail.signed_tokens import UnsubscribeLinks
from channels.mail.unsubscribe_pages import STYLESHEET, render

PATH = "/unsubscribe/{token}"
UNDO_PATH = f"{PATH}/undo"


def routes() -> Sequence[Route[RouteStore]]:
    """All routes of the unsubscribe pages."""
    return (
        _page("show_unsubscribe_page", "GET", PATH, _show),
        _page("unsubscribe", "POST", PATH, _unsubscribe),
        _page("undo_unsubscribe", "POST", UNDO_PATH, _undo),
        # Reloading the response of the POST shows the current state.
        _page("show_after_undo", "GET", UNDO_PATH, _redirect_to_page),
        _page("unsubscribe_stylesheet", "GET", STYLESHEET, _stylesheet),
    )


def _page(
    name: str, method: str, path: str, handle: Callable[[IncomingRequest, RouteStore], RouteResponse]
) -> Route[RouteStore]:
    return Route(name=name, kind=RouteKind.PAGE, method=method, path=path, handle=handle)


def _show(request: IncomingRequest, store: RouteStore) -> RouteResponse:
    _, recipient = _find(request, store)
    return _present_state(request, recipient)


def _unsubscribe(request: IncomingRequest, store: RouteStore) -> RouteResponse:
    link, recipient = _find(request, store)
    if link is not None and recipient is not None and not recipient.opted_out:
        store.opt_out(link)
        recipient = store.find_recipient(link)
    return render("unsubscribed", recipient, token=_token(request))


def _undo(request: IncomingRequest, store: RouteStore) -> RouteResponse:
    link, recipient = _find(request, store)
    if link is None or recipient is None or not recipient.can_undo:
        return _present_state(request, recipient)
    undone = store.undo_opt_out(link, evidence=f"undone on the page that delivery {link.delivery_id} links to")
    return render("subscribed_again" if undone else "unsubscribed", recipient, token=_token(request))


def _redirect_to_page(request: IncomingRequest, store: RouteStore) -> RouteResponse:  # noqa: ARG001 - reads nothing
    location = PATH.replace("{token}", quote(_token(request), safe=""))
    return RouteResponse(status=HTTPStatus.SEE_OTHER, headers={"Location": location})


def _stylesheet(request: IncomingRequest, store: RouteStore) -> RouteResponse:  # noqa: ARG001 - the same for everyone
    content = (Path(__file__).parent / "templates" / "unsubscribe.css").read_bytes()
    return RouteResponse(
        status=HTTPStatus.OK, body=content, media_type="text/css", headers={"Cache-Control": "max-age=3600"}
    )


def _token(request: IncomingRequest) -> str:
    return request.parameters["token"]


def _find(request: IncomingRequest, store: RouteStore) -> tuple[LinkRecipient | None, Recipient | None]:
    """What the token names, and the recipient; None for a token that is not ours."""
    link = UnsubscribeLinks(request.settings).recipient_of(_token(request))
    return link, None if link is None else store.find_recipient(link)


def _present_state(request: IncomingRequest, recipient: Recipient | None) -> RouteResponse:
    opted_out = recipient is not None and recipient.opted_out
    return render("unsubscribed" if opted_out else "unsubscribe", recipient, token=_token(request))
