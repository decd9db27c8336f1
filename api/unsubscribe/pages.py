"""GET and POST /unsubscribe/{token}, and POST /unsubscribe/{token}/undo.

Looking changes nothing: mail readers and their guards open every link. A POST opts out, by the button or by a mail
reader on its own; no cookie is needed, for the token in the link is the right to do it, and tells of nobody. For some
days the page offers to undo it, at an address that stands in no mail: no mail reader posts there by itself.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

import logs
from api.authentication import PUBLIC, declaring
from api.services import services
from channels.mail.signed_tokens import UnsubscribeLinks
from messaging.addresses import mask_email
from store import opt_outs
from store.database import system_scope
from store.opt_outs import Recipient

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
        return _page(recipient, token=token, template=_state(recipient))

    def leave(token: str) -> Response:
        recipient = _recipient(links, token)
        if recipient is not None and not recipient.opted_out:
            with system_scope(services().database) as connection:
                opt_outs.opt_out(
                    connection,
                    church_id=recipient.church_id,
                    address=recipient.address,
                    source=opt_outs.UNSUBSCRIBE_LINK,
                )
            _log.info("opted out by link", church_id=str(recipient.church_id))
            recipient = _recipient(links, token)
        return _page(recipient, token=token, template="done")

    def undo(token: str) -> Response:
        recipient = _recipient(links, token)
        if recipient is None or not recipient.can_undo:
            return _page(recipient, token=token, template=_state(recipient))
        with system_scope(services().database) as connection:
            undone = opt_outs.undo_unsubscribing(
                connection,
                church_id=recipient.church_id,
                address=recipient.address,
                evidence=f"undone on the page that delivery {links.delivery_of(token)} links to",
            )
        if undone:
            _log.info("opted in again by link", church_id=str(recipient.church_id))
        return _page(recipient, token=token, template="undone" if undone else "done")

    def look_again(token: str) -> WerkzeugResponse:
        return redirect(url_for("unsubscribe.look", token=token), HTTPStatus.SEE_OTHER)

    pages.add_url_rule("/unsubscribe/<token>", view_func=look, methods=["GET"], provide_automatic_options=False)
    pages.add_url_rule("/unsubscribe/<token>", view_func=leave, methods=["POST"], provide_automatic_options=False)
    undo_path = "/unsubscribe/<token>/undo"
    pages.add_url_rule(undo_path, view_func=undo, methods=["POST"], provide_automatic_options=False)
    # Who reloads the page that a POST has answered, or keeps its address, sees how things stand.
    pages.add_url_rule(undo_path, view_func=look_again, methods=["GET"], provide_automatic_options=False)
    with declaring(app, PUBLIC):
        app.register_blueprint(pages)


def _recipient(links: UnsubscribeLinks, token: str) -> Recipient | None:
    delivery_id = links.delivery_of(token)
    if delivery_id is None:
        return None
    with system_scope(services().database) as connection:
        return opt_outs.recipient_of(connection, delivery_id)


def _state(recipient: Recipient | None) -> str:
    return "done" if recipient is not None and recipient.opted_out else "ask"


def _page(recipient: Recipient | None, *, token: str, template: str) -> Response:
    """One answer to everything that is no link of ours, whatever is wrong with it."""
    if recipient is None:
        page, status = render_template("unsubscribe/unknown.html"), HTTPStatus.NOT_FOUND
    else:
        page = render_template(
            f"unsubscribe/{template}.html",
            church=recipient.church_name,
            address=mask_email(recipient.address),
            token=token,
            can_undo=recipient.can_undo,
        )
        status = HTTPStatus.OK
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Robots-Tag"] = "noindex"
    return response
