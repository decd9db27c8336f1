"""Parsing what people, carriers and mail servers send takes time that grows at most linearly with its length.

Each case feeds one parser with hostile input of one form, and with eight times as much of it. A parser without a case
can block a process, so add a case for each new parser.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from unittest.mock import create_autospec
from urllib.parse import urlencode
from uuid import uuid4
from wsgiref.types import StartResponse

import pytest
from flask import Flask, Request
from pydantic import ValidationError
from twilio.request_validator import RequestValidator
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder

import logs
from api import keys, query_parameters, request_ids
from api.contacts.importing import NewContact
from api.field_errors import field_errors
from api.idempotency import idempotency_key
from api.messages.composition import Composition
from api.operator.notices import wants_json
from api.operator.origin import is_cross_origin
from api.server.plain_heads import read_plain_head
from channels.mail import text_and_html
from channels.mail.bounces import BouncedAttempt, find_attempt, read_bounce
from channels.mail.channel import MailChannel
from channels.mail.composing import Composer
from channels.mail.headers import header_error
from channels.mail.signed_tokens import BounceAddresses, UnsubscribeLinks
from channels.mail.smtp_session import SmtpRefusal, Stage
from channels.mms.media_urls import check_urls, parse_url
from channels.sms.channel import SmsChannel
from channels.twilio.inbound import read_inbound
from channels.twilio.receipts import read_receipt
from messaging.addresses import parse_email, parse_phone
from messaging.consent_keywords import find_keyword
from messaging.links import ShortLinks
from messaging.merge_fields import MergeFieldError, parse
from messaging.recurrence.cron import read_cron
from messaging.recurrence.rrule import read_rrule
from messaging.text_warnings import text_warnings
from messaging.wall_time import find_zone
from tests.harness.cost_growth import MAX_GROWTH, cost_growth
from tests.harness.incoming_requests import incoming_request
from tests.harness.mails import envelope, mail_settings

SETTINGS = mail_settings(mail_bounce_domain="bounces.example.org")
COMPOSER, BOUNCES, LINKS = Composer(SETTINGS), BounceAddresses(SETTINGS), UnsubscribeLinks(SETTINGS)
SHORT_LINKS = ShortLinks.of_service(base_url="https://s.example", public_url="https://texts.example.org")
ABOUT = BouncedAttempt(delivery_id=uuid4(), attempt=1)
APP = Flask("test")
_numbers = count()


@dataclass(frozen=True, kw_only=True)
class Case:
    """A parser, the hostile input of a size, and the size of the smaller of the two inputs."""

    name: str
    parse: Callable[[Any], object]
    hostile: Callable[[int], Any]
    size: int


def repeated(unit: str, *, before: str = "", after: str = "", of: Callable[[str], Any] = str) -> Callable[[int], Any]:
    """Makes input of about `size` characters that repeats `unit`."""
    return lambda size: of(before + unit * (size // len(unit)) + after)


def cases(
    name: str, parse: Callable[[Any], object], *shapes: tuple[str, ...], size: int, of: Callable[[str], Any] = str
) -> list[Case]:
    """A case for each shape: a unit, and the text before and after its repetitions."""
    found: list[Case] = []
    for shape in shapes:
        unit, before, after = (*shape, "", "")[:3]
        label = f"{name}: {before[-20:]}{unit}...{after}".encode("unicode_escape").decode()[:70]
        found.append(
            Case(name=label, parse=parse, hostile=repeated(unit, before=before, after=after, of=of), size=size)
        )
    return found


def each(*units: str) -> list[tuple[str, ...]]:
    return [(unit,) for unit in units]


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# --- the parsers ------------------------------------------------------------------------------------------------------


def html_part(content: str) -> object:
    """The text is different each time, because paragraphs are cached."""
    return text_and_html.html_part(f"{content} {next(_numbers)}", subject="x", sender="x", unsubscribe="x")


def compose_name(name: str) -> object:
    return COMPOSER.compose(envelope(name=name))


def accept_and_compose_subject(subject: str) -> object:
    if complaint := MailChannel().check_details({"subject": subject}):
        return complaint
    return COMPOSER.compose(envelope(subject=subject))


def many_phones(text: str) -> None:
    for _ in range(50):
        with_refusal(parse_phone, text)


def with_refusal(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ValueError:
        return


def inbound_message(form: dict[str, str]) -> object:
    """A message that the carrier signed."""
    url, token = "https://x.example.org/", SETTINGS.twilio_auth_token.get_secret_value()
    headers = {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}
    message = read_inbound(incoming_request(SETTINGS, url=url, body=urlencode(form).encode(), headers=headers))
    return find_keyword(message.text)


def inbound_form(text: str) -> dict[str, str]:
    media = {f"MediaUrl{place}": text for place in range(10)}
    return {"MessageSid": "SM1", "From": "+12025550123", "To": "+12025550100", "NumMedia": "10", "Body": text, **media}


def twilio_callback(body: bytes) -> object:
    headers = {"X-Twilio-Signature": "x"}
    return read_receipt(incoming_request(SETTINGS, url="https://x.example.org/", body=body, headers=headers))


def texts_segments(content: str) -> object:
    channel = SmsChannel()
    return channel.check_content(content) or channel.count_segments(content)


def bounce(rest: bytes) -> object:
    return read_bounce(rest, about=ABOUT, settings=SETTINGS)


def bounce_head(head: bytes) -> object:
    return find_attempt(head, delivered_to=None, settings=SETTINGS)


def message_body(body: str) -> object:
    return Composition.model_validate_json(body)


def with_field_errors(parse: Callable[[str], object]) -> Callable[[str], object]:
    """The parser and the field errors that the caller gets."""

    def parse_and_complain(text: str) -> object:
        try:
            return parse(text)
        except ValidationError as error:
            return field_errors(error)

    return parse_and_complain


def contact(text: str) -> object:
    return NewContact.model_validate(json.loads(text))


def rrule(text: str) -> object:
    return read_rrule(text).starting_at(datetime.fromisoformat("2026-01-04T09:00:00"))


def with_request(parse: Callable[[], object], **header_names: str) -> Callable[[str], object]:
    """The parser inside a request that has the text as its header."""
    [header] = header_names.values()

    def parse_in_request(text: str) -> object:
        with APP.test_request_context(headers={header: text.encode("latin-1", "replace").decode("latin-1")}):
            return parse()

    return parse_in_request


def query_string(text: str) -> object:
    with APP.test_request_context(query_string=text):
        return query_parameters.read(query_parameters.PageQuery)


def request_with(header: str, text: str) -> Request:
    return Request(EnvironBuilder(method="POST", headers=[(header, text)]).get_environ())


def cross_origin(origin: str) -> object:
    return is_cross_origin(request_with("Origin", origin))


def forwarded(text: str) -> object:
    environ = EnvironBuilder(headers=[("X-Forwarded-For", text), ("X-Forwarded-Proto", text)]).get_environ()
    return list(ProxyFix(lambda _environ, _start: [], x_for=1, x_proto=1)(environ, create_autospec(StartResponse)))


def body_nested(opening: str, closing: str) -> Callable[[int], str]:
    head = '{"churchId": "x", "targetType": "all", "x": '
    return lambda size: head + opening * size + "1" + closing * size + "}"


def body_of_unknown_fields(size: int) -> str:
    return json.dumps({f"field{number}": 1 for number in range(size)})


def nested_multiparts(size: int) -> bytes:
    return b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(size))


def parse_merge_fields(text: str) -> str | None:
    try:
        return parse(text).merge(None)
    except MergeFieldError:
        return None


CASES = [
    *cases(
        "merge fields",
        parse_merge_fields,
        *each("{{a}}", "{{", "}}", "\\{{", "{", "{{a|b}} ", "\n{{a}} ", "{{a|", "\\"),
        ("{{a}}", "", "{{"),
        (" ", "{{a", "}}"),
        size=20_000,
    ),
    *cases(
        "links in a mail",
        html_part,
        (")", "http://x/"),
        (".", "http://x/"),
        ("(", "http://x/", ")" * 5_000),
        (").", "http://x/"),
        *each("http://x/ ", "http://", "https://x/)\n", "\n", "\n \t", "x\n\n", "\r", "<", "&'\""),
        (" ", "x\n", "x"),
        size=6_000,
    ),
    *cases(
        "links in a text",
        lambda text: SHORT_LINKS.shorten(text),
        *each("http://x/ ", "http://", "https://x/)", "h", "(", "http://x/{", "http://x@"),
        (")", "http://x/"),
        (".", "http://x/"),
        ("(", "http://x/", ")" * 5_000),
        (").", "http://x/"),
        size=6_000,
    ),
    *cases(
        "warnings about a text",
        lambda text: text_warnings(text, church_name="Grace", count_segments=len),
        *each(
            "a", "\u2019", "\U0001f64f", " \U0001f64f", "\u200d", "a.", "bit.ly/", "reply ", "http://", "{{", "}}", "A "
        ),
        size=6_000,
    ),
    *cases(
        "text of a mail",
        lambda content: text_and_html.text_part(content, sender="x", unsubscribe="x"),
        *each("\n", "\r", "\r\n", "x"),
        size=50_000,
    ),
    *cases(
        "subjects",
        accept_and_compose_subject,
        *each("a", "a ", "\u00fc", "\u00fc ", "=?", "=?utf-8?q?x?= ", '"', "\\", "(", ",", "\U0001f967", "?="),
        size=1_000,
    ),
    *cases(
        "text in headers",
        header_error,
        *each("=?", "=?a?", "=?a?x", "?", "=", "a"),
        ("a", "=?"),
        size=50_000,
    ),
    *cases("names", compose_name, *each("a", "a ", "\u00fc ", "=?", '"', "\\", "(", "()", ".", "@"), size=25),
    *cases(
        "phone numbers",
        many_phones,
        *each("1", "+", "(", "~", "x", "*#", "2 0", "\u0662"),
        (" ", "+", "2025550123"),
        ("-", "2025550123"),
        ("~", "202555", "0123"),
        ("x5", "2025550123"),
        (";ext=", "+12025550123"),
        ("+1-", "tel:2025550123;phone-context="),
        size=30,
    ),
    *cases("long phone numbers", many_phones, *each("1", " ", "(", "tel:"), (" ", "+"), size=20_000),
    *cases(
        "mail addresses",
        parse_email,
        *each("a", "@", "a@", "a.", "<", '"', " ", "\u00fc"),
        ("a.", "a@", "org"),
        ("\u0301", "a", "\u0323" * 20_000 + "@example.org"),
        ("\u0323", "a@a", "\u0301" * 20_000 + ".org"),
        ("a-", "a@xn--", ".org"),
        ("1.", "a@[", "]"),
        size=20_000,
    ),
    *cases(
        "media addresses",
        lambda url: check_urls([url]),
        *each("https://", "http:"),
        ("/", "https://x.example.org/"),
        ("a.", "https://"),
        ("a-", "https://"),
        (":", "https://["),
        ("1", "https://x:"),
        ("%41", "https://x.example.org/"),
        size=5_000,
    ),
    *cases(
        "redirects",
        parse_url("https://x.example.org/").redirected,
        *each("/", "../", "//", "?", ":", "a/../"),
        size=2_000,
    ),
    *cases("texts", texts_segments, *each("a", "\u20ac", "\u0431", "\U0001f967", "\U0001f469\u200d"), size=20_000),
    *cases(
        "callbacks",
        twilio_callback,
        *each("&", "a&", "a=b&", "%41", "%ff", "%", "=", ";", "+"),
        size=60_000,
        of=encoded,
    ),
    Case(
        name="callbacks: many fields",
        parse=twilio_callback,
        hostile=lambda size: "&".join(map(str, range(size))).encode(),
        size=10_000,
    ),
    *cases(
        "heads of bounces",
        bounce_head,
        *each("To: ", "To: a\n", "a", "\n", "\r", ":", "bounce+", "bounce+" + "a" * 48 + "@ ", "\udcff"),
        ("a,", "To: g:"),
        ("(", "To: "),
        ("a", "To: "),
        ("a\r\n ", "To: "),
        ("\\", 'To: "'),
        ("a" * 48 + "@", "To: "),
        size=30_000,
        of=encoded,
    ),
    *cases(
        "bounces",
        bounce,
        *each("a", "\n", "\r\n", "a: b\n", "--", "\udcff", "Content-Type: multipart/mixed; boundary=x\n"),
        ("--x\n\n", "Content-Type: multipart/mixed; boundary=x\n\n"),
        ("--x ", "Content-Type: multipart/mixed; boundary=x\n\n"),
        ("--x" + " " * 200, "Content-Type: multipart/mixed; boundary=x\n\n", "y"),
        ("\n--", "Content-Type: multipart/mixed; boundary=x\n\n"),
        (";", "Content-Type: multipart/mixed"),
        ("; a*0=b", "Content-Type: multipart/mixed"),
        ("x", "Content-Type: multipart/mixed; boundary="),
        ("a: b\n\n", "Content-Type: message/delivery-status\n\n"),
        ("\n", "Content-Type: message/delivery-status\n\n"),
        ("a: b\n", "Content-Type: message/delivery-status\n\n"),
        ("(", "Content-Type: message/delivery-status\n\nAction: "),
        ("a,", "To: g:"),
        size=100_000,
        of=encoded,
    ),
    Case(name="bounces: nested parts", parse=bounce, hostile=nested_multiparts, size=2_000),
    *cases("bounce addresses", BOUNCES.attempt_of, *each("a", "@", "<", " ", "bounce+", "="), size=50_000),
    *cases("unsubscribe tokens", LINKS.recipient_of, *each("A", "=", "-", "\u00e4"), size=50_000),
    *cases(
        "answers of mail servers",
        lambda text: SmtpRefusal.from_reply(Stage.RECIPIENT, code=550, text=text),
        *each("5.", "1", "5.1.1"),
        ("1", "5.1."),
        size=50_000,
        of=encoded,
    ),
    *cases(
        "recurrence rules",
        rrule,
        *each(";", "A;", "\n", "x\n", "FREQ=", " "),
        ("1,", "FREQ=DAILY;BYHOUR="),
        ("MO,", "FREQ=DAILY;BYDAY=", "XX"),
        ("9", "FREQ=DAILY;COUNT="),
        ("9", "FREQ=DAILY;UNTIL="),
        ("A/", "DTSTART;TZID=", "\nFREQ=DAILY"),
        size=3_000,
    ),
    *cases(
        "cron lines",
        read_cron,
        *each("* ", "*", "1", "ABC"),
        ("1,", "", "1 0 * * *"),
        ("/1", "*", " * * * *"),
        ("-1", "1", " * * * *"),
        size=3_000,
    ),
    *cases("inbound messages", inbound_message, *each("stop ", "\0", "é", "%"), size=20_000, of=inbound_form),
    *cases("keywords", find_keyword, *each("stop ", "s.", "\u0301", " ", "\u200b", "ﷺ", "please "), size=50_000),
    *cases("time zones", find_zone, *each("A", "/", "../", "A/"), size=50_000),
    *cases(
        "log lines",
        logs.mask_addresses,
        *each("1", "+", "@", "a", ".", "a@", "a@a", "a.@a.", "%", "%2B", "%2B1", "+1", "-"),
        ("1", "+"),
        ("b.", "a@"),
        ("b", "a" * 80 + "@"),
        ("b.", "%" * 80 + "@", "@"),
        ("a", "", "@example.org"),
        size=10_000,
    ),
    *cases(
        "message bodies",
        with_field_errors(message_body),
        *each("[", '{"a":', "9", '"', "{", " "),
        ("9", '{"content": ', "}"),
        ("9", '{"content": 0.', "}"),
        ("9", '{"content": 1e', "}"),
        ("9", '{"sendAt": "', '"}'),
        ("9", '{"sendAt": "2026-01-01T00:00:00.', 'Z"}'),
        ("x", '{"channel": "', '"}'),
        ("\\u0041", '{"subject": "', '"}'),
        ("[0]", '{"x', '": 1}'),
        ('"a",', '{"phoneNumbers": [', '"a"]}'),
        size=50_000,
    ),
    Case(
        name="message bodies: nested lists",
        parse=with_field_errors(message_body),
        hostile=body_nested("[", "]"),
        size=20_000,
    ),
    Case(
        name="message bodies: nested objects",
        parse=with_field_errors(message_body),
        hostile=body_nested('{"a":', "}"),
        size=20_000,
    ),
    Case(
        name="message bodies: unknown fields",
        parse=with_field_errors(message_body),
        hostile=body_of_unknown_fields,
        size=5_000,
    ),
    *cases(
        "contacts",
        with_field_errors(contact),
        (" ", '{"name": "x', '"}'),
        ("x", '{"name": "', '"}'),
        ("A/", '{"name": "x", "timeZone": "', '"}'),
        size=50_000,
    ),
    *cases("query strings", query_string, *each("&", "a&", "a=1&", "%ff", "limit=1&", "cursor=", "+"), size=20_000),
    *cases("cursors", query_string, ("A", "cursor="), ("9", "limit="), ("%30", "limit="), size=20_000),
    *cases("keys", keys.looks_like_key, *each("ksms_", "a"), ("a", "ksms_"), size=50_000),
    # Heads of more than 4 kB are declined unread.
    *cases(
        "plain heads",
        read_plain_head,
        ("a", "POST / HTTP/1.1\r\n"),
        ("a:", "POST / HTTP/1.1\r\n"),
        ("a: \t", "POST / HTTP/1.1\r\n"),
        ("a:b\r\n", "POST / HTTP/1.1\r\n"),
        ("/", "POST "),
        ("A",),
        size=500,
        of=str.encode,
    ),
    *cases("request ids", request_ids.valid_or_new, *each("a", "-", "\u00ff"), size=50_000),
    *cases(
        "idempotency keys",
        with_request(idempotency_key, name="Idempotency-Key"),
        *each("a", " ", "\u00ff"),
        size=50_000,
    ),
    *cases(
        "what is accepted", with_request(wants_json, name="Accept"), *each(",", "a,", "a/b;q=1,", ";", '"'), size=10_000
    ),
    *cases("origins", cross_origin, *each("/", "http://", ":", "[", "@", "\u00ff"), size=20_000),
    *cases("addresses of proxies", forwarded, *each(",", "1,", '"', "\\", '"\\'), ("\\", '"'), size=20_000),
    *cases(
        "cookies",
        lambda text: request_with("Cookie", text).cookies,
        *each(";", "a=b;", "=", '"', "a"),
        ("\\012", 'a="', '"'),
        (" ", "a=", "b"),
        size=20_000,
    ),
    *cases(
        "media types",
        lambda text: request_with("Content-Type", text).mimetype_params,
        *each(";", "a/b;", "a=b;", '"'),
        ("; a*0=b", "a/b"),
        ('\\"', 'a/b; a="'),
        (" ", "a/b;", "x"),
        size=10_000,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_cost_grows_no_faster_than_the_input(case: Case) -> None:
    assert cost_growth(case.parse, case.hostile, case.size) <= MAX_GROWTH


def test_the_measurement_distinguishes_linear_from_quadratic_cost() -> None:
    def all_pairs(text: str) -> int:
        return sum(a == b for a in text for b in text)

    assert cost_growth(str.split, repeated("a "), 100_000) <= MAX_GROWTH
    assert cost_growth(all_pairs, repeated("a"), 300) > MAX_GROWTH
