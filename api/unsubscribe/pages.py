"""GET and POST /unsubscribe/{token}.

Looking changes nothing: mail readers and their guards open every link. A POST opts out, by the button or by a mail
reader on its own; no cookie is needed, for the token in the link is the right to do it, and tells of nobody.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Flask, Response, make_response, render_template

import logs
from api.authentication import PUBLIC, declaring
from api.services import services
from channels.mail.signatures import UnsubscribeLinks
from messaging.addresses import mask_email
from store import opt_outs
from store.database import system_scope
from store.opt_outs import Recipient

SOURCE = "unsubscribe link"

_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_log = logs.get_logger(__name__)


def register(app: Flask) -> None:
    """Serve the page. It belongs to people, so the document of the API does not name it."""
    links = UnsubscribeLinks(services(app).settings)
    pages = Blueprint(
        "unsubscribe",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/unsubscribe/static",
    )

    def look(token: str) -> Response:
        recipient = _recipient(links, token)
        return _page(recipient, done=recipient is not None and recipient.opted_out)

    def leave(token: str) -> Response:
        recipient = _recipient(links, token)
        if recipient is not None and not recipient.opted_out:
            with system_scope(services().database) as connection:
                opt_outs.opt_out(connection, church_id=recipient.church_id, address=recipient.address, source=SOURCE)
            _log.info("opted out by link", church_id=str(recipient.church_id))
        return _page(recipient, done=True)

    pages.add_url_rule("/unsubscribe/<token>", view_func=look, methods=["GET"], provide_automatic_options=False)
    pages.add_url_rule("/unsubscribe/<token>", view_func=leave, methods=["POST"], provide_automatic_options=False)
    with declaring(app, PUBLIC):
        app.register_blueprint(pages)


def _recipient(links: UnsubscribeLinks, token: str) -> Recipient | None:
    delivery_id = links.delivery_of(token)
    if delivery_id is None:
        return None
    with system_scope(services().database) as connection:
        return opt_outs.recipient_of(connection, delivery_id)


def _page(recipient: Recipient | None, *, done: bool) -> Response:
    """One answer to everything that is no link of ours, whatever is wrong with it."""
    if recipient is None:
        page, status = render_template("unsubscribe/unknown.html"), HTTPStatus.NOT_FOUND
    else:
        template = "unsubscribe/done.html" if done else "unsubscribe/ask.html"
        page = render_template(template, church=recipient.church_name, address=mask_email(recipient.address))
        status = HTTPStatus.OK
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Robots-Tag"] = "noindex"
    return response
