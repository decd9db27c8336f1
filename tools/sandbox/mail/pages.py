"""Web pages that show the accepted mails. No part of a mail is rendered as HTML."""

import html
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32

from tools.sandbox.mail.ledger import MailLedger, TakenMail
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import Reply, respond, respond_json
from tools.sandbox.wire.request import Request

ROOT = b"/_sandbox/mail/mails"
MAILS_ON_A_PAGE = 100

_SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Unsubscribe")
_SAFE = "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
_STYLE = (
    "body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem } td, th { text-align: left; padding-right: 1.5rem }"
)


def answer(ledger: MailLedger, request: Request) -> Reply:
    """Return the list, newest first; for `/N` one mail as text; for `/N.eml` its source."""
    name = request.path.removeprefix(ROOT).strip(b"/").decode("ascii", "replace")
    mails = ledger.mails
    if not name:
        before = first(read_form(request.query), "before")
        return _list(mails, before=int(before) if _is_number(before) else len(mails) + 1)
    number, dot, ending = name.partition(".")
    if not _is_number(number) or not 1 <= int(number) <= len(mails) or (dot and ending != "eml"):
        return respond_json(404, {"error": "no such mail"})
    mail = mails[int(number) - 1]
    if dot:
        return respond(200, mail.raw, content_type="message/rfc822", headers=_SAFE)
    return respond(200, _text(mail).encode("utf-8", "replace"), content_type="text/plain; charset=utf-8", headers=_SAFE)


def _list(mails: list[TakenMail], *, before: int) -> Reply:
    last = min(before - 1, len(mails))
    first_shown = max(1, last - MAILS_ON_A_PAGE + 1)
    rows = "".join(_row(number, mails[number - 1]) for number in range(last, first_shown - 1, -1))
    older = f'<p><a href="{ROOT.decode()}?before={first_shown}">Older</a></p>' if first_shown > 1 else ""
    page = (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Mails</title><style>{_STYLE}</style>'
        f"<h1>{len(mails)} mails taken</h1>"
        f"<table><tr><th></th><th>To</th><th>Subject</th><th>From</th><th></th></tr>{rows}</table>{older}</html>"
    )
    return respond(200, page.encode("utf-8", "replace"), content_type="text/html; charset=utf-8", headers=_SAFE)


def _row(number: int, mail: TakenMail) -> str:
    # Only the headers are parsed, because a page lists a hundred mails.
    headers = message_from_bytes(mail.raw.partition(b"\r\n\r\n")[0], policy=compat32)
    subject, sender = (html.escape(_header(headers, name)) for name in ("Subject", "From"))
    address = f"{ROOT.decode()}/{number}"
    return (
        f'<tr><td>{number}</td><td>{html.escape(mail.recipient)}</td><td><a href="{address}">{subject or "-"}</a></td>'
        f'<td>{sender}</td><td><a href="{address}.eml">source</a></td></tr>'
    )


def _text(mail: TakenMail) -> str:
    message = message_from_bytes(mail.raw, policy=compat32)
    lines = [f"Envelope: from <{mail.sender}> to <{mail.recipient}>"]
    lines += [f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name))]
    for part in message.walk():
        if part.get_content_maintype() == "text":
            lines += ["", f"--- {part.get_content_type()} ---", "", _body(part)]
    return "\n".join(lines) + "\n"


def _header(message: "Message[str, str]", name: str) -> str:
    raw = str(message.get(name, ""))
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return raw


def _body(part: "Message[str, str]") -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
