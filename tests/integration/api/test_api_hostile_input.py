"""No input causes an internal error: no response is a 5xx, and no traceback is logged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from pydantic import SecretStr

from api.app import create_app
from api.services import services
from settings import Settings
from tests.harness.churches import KnownChurch
from tests.harness.mails import SECRET

SEND, SCHEDULES, CONTACTS = "/api/messages/send", "/api/schedules", "/api/contacts"
FORM = "application/x-www-form-urlencoded"
ANY_ID = UUID(int=7)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request. A body that is a dict is sent as JSON, with the fields that the address needs."""

    method: str
    path: str
    body: bytes | dict[str, Any] = b""
    media_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    environ: dict[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        text = f"{self.method} {self.path} {self.headers or ''} {self.body!r:.60}"
        return text.encode("unicode_escape").decode()[:110]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password of the operator is refused at once."""
    monkeypatch.setattr("api.operator.login.WRONG_PASSWORD_PAUSE_SECONDS", 0)


@pytest.fixture(scope="module")
def hostile_app(settings: Settings) -> Iterator[Flask]:
    """The app with everything switched on: mail, bounces, the operator's pages, and a proxy in front."""
    app = create_app(
        settings.model_copy(
            update={
                "smtp_url": "smtp://127.0.0.1:9?starttls=never",
                "secret_key": SecretStr(SECRET),
                "mail_bounce_domain": "bounces.example.org",
                "operator_password": SecretStr("a long password of an operator"),
                "trusted_proxies": 1,
            }
        )
    )
    yield app
    services(app).close()


TIMES = [
    f"{day}T{hour}{offset}"
    for day, hour in (("0001-01-01", "00:00:00"), ("9999-12-31", "23:59:59"), ("0000-01-01", "00:00:00"))
    for offset in ("", "Z", "+14:00", "-14:00", "+23:59", "-23:59")
] + [
    *("2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-06-30T23:59:60Z", "10000-01-01T00:00:00Z"),
    *("2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+99:99", "2026-01-01T00:00:00." + "9" * 5_000 + "Z"),
]
WALL_TIMES = ["0001-01-01T00:00:00", "9999-12-31T23:59:00", "0000-01-01T00:00:00", "2026-02-30T00:00:00"]
ZONES = ["Asia/Tokyo", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12"]
STARTS = ["00010101T000000", "00010102T000000", "99991231T235900", "99991231", "00010101"]
RULES = ["FREQ=WEEKLY;WKST=SU", "FREQ=YEARLY;BYWEEKNO=1", "FREQ=DAILY;COUNT=3", "FREQ=HOURLY;INTERVAL=1000"]
NUMBERS = ["9" * 4_299, "9" * 4_301, "9" * 100_000, "0." + "9" * 10_000, "1e" + "9" * 10_000, "-1e-999", "NaN", "-0"]
NAMES = [
    "",
    "[",
    "]",
    "[]",
    "[0]",
    "x[" + "9" * 5_000 + "]",
    "x[9999999999999999999999]",
    "x[\u0663]",
    "mediaUrls[-1]",
    "{message}",
    "a" * 100_000,
    "x\r\ny",
    "\0",
    "x[1]" * 1_000,
]
PLAIN = {"content": "x", "targetType": "all"}
HEADERS = {
    "Accept": ["a/b;q=" + "9" * 5_000, "*/*;q=\xff", "*/*;q=nan", "a," * 5_000, ";", '"'],
    "Accept-Encoding": ["gzip;q=" + "9" * 5_000, "\xff"],
    "Authorization": [
        "Bearer " + "x" * 9_000,
        "Bearer \xff",
        "Bearer ksms_\xff",
        "Basic \xff",
        "Basic " + "A" * 5_001,
        "Digest a",
    ],
    "Content-Type": [
        "\xff",
        "application/json; charset=\xff",
        "application/json; charset=utf-16",
        'a; a="' + '\\"' * 3_000,
    ],
    "Cookie": [
        "__Host-operator=\xff",
        "__Host-operator=" + "." * 9_000,
        "__Host-operator=operator.\xff.x",
        '="\\777"',
        ";" * 9_000,
    ],
    "Expect": ["x"],
    "Forwarded": ["for=\xff"],
    "Host": ["[", "[::1", "\xff", "a" * 9_000, "a:99999999999", "a:b", ""],
    "Idempotency-Key": ["", " ", "\xff", "x" * 9_000],
    "If-Modified-Since": ["Sun, 99 Foo 99999", "Sun, 06 Nov 0000 00:00:00 +9999", "\xff"],
    "If-None-Match": ['"' * 9_000, 'W/"'],
    "Origin": ["http://[", "http://]", "\xff", "null", "", "http://[::1]:99999999", "http://\u2100"],
    "Range": ["bytes=" + "9" * 5_000 + "-", "bytes=-" + "9" * 5_000, "bytes=,,,", "\xff"],
    "Sec-Fetch-Site": ["\xff", ""],
    "Transfer-Encoding": ["chunked", "\xff"],
    "X-Forwarded-For": ["1," * 4_000, "\xff", "[", '"', "1, \xff"],
    "X-Forwarded-Proto": ["\xff", "https, http", "javascript"],
    "X-Request-ID": ["\xff", "x" * 9_000, "", "a\tb"],
    "X-Twilio-Signature": ["\xff", "x" * 9_000, ""],
}
PLACES = [
    Sent(method="POST", path=SEND, body=PLAIN),
    Sent(method="GET", path="/api/messages"),
    Sent(method="POST", path=f"/callbacks/sms/{ANY_ID}/1", body=b"a=b", media_type=FORM),
    Sent(method="POST", path="/inbound/sms", body=b"a=b", media_type=FORM),
    Sent(method="POST", path="/callbacks/mail", body=b"To: x\r\n\r\n", media_type="message/rfc822"),
    Sent(method="POST", path="/operator/login", body=b"a=b", media_type=FORM),
    Sent(method="POST", path="/operator/logout", media_type=FORM),
    Sent(method="GET", path="/rq/", media_type=None),
    Sent(method="GET", path="/rq/0/data/queues.json", media_type=None),
    Sent(method="POST", path="/unsubscribe/x", media_type=FORM),
    Sent(method="GET", path="/docs/static/documentation.css", media_type=None),
    Sent(method="GET", path="/", media_type=None),
]


def _bodies() -> Iterator[Sent]:
    for time in TIMES:
        yield Sent(method="POST", path=SEND, body=PLAIN | {"sendAt": time})
        yield Sent(method="PATCH", path=f"/api/messages/{ANY_ID}", body={"sendAt": time})
    cron = {"recurrence": {"cron": "0 9 * * SUN"}}
    for wall in WALL_TIMES:
        for name in ("startsAt", "endsAt"):
            yield Sent(method="POST", path=SCHEDULES, body=PLAIN | cron | {name: wall})
            yield Sent(method="PATCH", path=f"{SCHEDULES}/{ANY_ID}", body={name: wall})
    for start in STARTS:
        for rule in RULES:
            for zone in ZONES:
                text = f"DTSTART:{start}\nRRULE:{rule}"
                yield Sent(
                    method="POST", path=SCHEDULES, body=PLAIN | {"timeZone": zone, "recurrence": {"rrule": text}}
                )
            until = f"{rule.replace(';COUNT=3', '')};UNTIL={start}"
            for text in (until, f"{until}Z"):
                plan = {"startsAt": "2026-01-04T09:00:00", "recurrence": {"rrule": text}}
                yield Sent(method="POST", path=SCHEDULES, body=PLAIN | plan)
    for text in ("\0", "FREQ=DAILY\0", "\u0130", "FREQ=DAILY;INTERVAL=\u0661", "UNTIL=Z", "DTSTART:\0\nFREQ=DAILY"):
        plan = {"startsAt": "2026-01-04T09:00:00", "recurrence": {"rrule": text}}
        yield Sent(method="POST", path=SCHEDULES, body=PLAIN | plan)
        yield Sent(method="POST", path=SCHEDULES, body=PLAIN | {"recurrence": {"cron": text}})
    for zone in ("", "..", "../../etc/passwd", "America/New_York\0", "A/" * 50_000, "\u00e4", "Factory", "zones"):
        yield Sent(method="POST", path=SCHEDULES, body=PLAIN | cron | {"timeZone": zone})
        yield Sent(
            method="POST", path=CONTACTS, body={"contacts": [{"name": "x", "phone": "+12025550123", "timeZone": zone}]}
        )
    for name in NAMES:
        yield Sent(method="POST", path=SEND, body=PLAIN | {name: 1})
        yield Sent(method="POST", path=SEND, body=PLAIN | {"urgent": {name: 1}})
        yield Sent(method="PATCH", path=f"/api/messages/{ANY_ID}", body={name: 1})
        yield Sent(method="POST", path=CONTACTS, body={"contacts": [{name: 1}]})
    for number in NUMBERS:
        for place in ("content", "mediaUrls", "contactIds", "subject", "sendAt", "urgent"):
            yield Sent(method="POST", path=SEND, body=f'{{"targetType": "all", "{place}": {number}}}'.encode())
        yield Sent(method="POST", path=CONTACTS, body=f'{{"contacts": [{number}]}}'.encode())
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        for depth in (150, 199, 1_000, 100_000):
            nested = opening * depth + "1" + closing * depth
            yield Sent(method="POST", path=SEND, body=nested.encode())
            yield Sent(method="POST", path=SEND, body=f'{{"subject": {nested}}}'.encode())
            yield Sent(method="POST", path=CONTACTS, body=f'{{"contacts": [{nested}]}}'.encode())
    for subject in ("=?utf-8?q?a=0D=0Ab?=", "=?utf-8?q?=00?=", "\0", "\u2028", "=?x?b?\u00e4?="):
        yield Sent(method="POST", path=SEND, body=PLAIN | {"channel": "mail", "subject": subject})
    for url in (
        "https://[",
        "https://[::1%25]/",
        "https://x:99999/",
        "https://\u2100/",
        "https://x:\u0661/",
        "//",
        "https://",
    ):
        yield Sent(method="POST", path=SEND, body=PLAIN | {"channel": "mms", "mediaUrls": [url]})


def _addresses() -> Iterator[Sent]:
    values = ["9" * 5_000, "\u0663", "%00", "%ff", "A" * 50_000, "", "a," * 10_000, "%ed%a0%80"]
    for value in values:
        for name in ("limit", "cursor", "status", "recipient", "x"):
            yield Sent(method="GET", path=f"/api/messages?{name}={value}")
            yield Sent(method="GET", path=f"/api/messages/{ANY_ID}/deliveries?{name}={value}")
            yield Sent(method="POST", path=f"/callbacks/mail?{name}={value}", media_type="message/rfc822")
        for path in (
            f"/callbacks/sms/{ANY_ID}/{value}",
            f"/callbacks/{value}/{ANY_ID}/1",
            f"/unsubscribe/{value}",
            f"/api/messages/{value}",
            f"/rq/{value}/view/queues",
            f"/rq/0/data/jobs/{value}/failed/8/asc/1.json",
            f"/rq/0/data/jobs/default/failed/8/asc/{value}.json",
        ):
            yield Sent(method="GET", path=path, media_type=None)
            yield Sent(method="POST", path=path, body=b"a=b", media_type=FORM)


def _headers() -> Iterator[Sent]:
    for place in PLACES:
        for name, values in HEADERS.items():
            for value in values:
                media_type = None if name == "Content-Type" else place.media_type
                headers = {name: value.encode("utf-8").decode("latin-1") if ord(max(value or "x")) > 255 else value}
                yield Sent(
                    method=place.method, path=place.path, body=place.body, media_type=media_type, headers=headers
                )
        for length in ("9" * 5_000, "\u0663", "\xb2", "-1", "abc", ""):
            yield Sent(
                method=place.method, path=place.path, media_type=place.media_type, environ={"CONTENT_LENGTH": length}
            )


def _forms() -> Iterator[Sent]:
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 2_000
    for path in (f"/callbacks/sms/{ANY_ID}/1", "/inbound/sms", "/operator/login", "/unsubscribe/x"):
        for form in (b"&" * 60_000, b"%" * 60_000, b"a=" + b"x" * 600_000, b"password=" + b"\xff" * 1_000, b"\0"):
            yield Sent(method="POST", path=path, body=form, media_type=FORM)
        for kind in (
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=" + "x" * 9_000,
        ):
            yield Sent(method="POST", path=path, body=parts, media_type=kind)


@pytest.mark.parametrize("kind", [_bodies, _addresses, _headers, _forms])
def test_hostile_input_never_causes_an_internal_error(
    kind: Callable[[], Iterator[Sent]],
    hostile_app: Flask,
    church: KnownChurch,
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    faults: list[str] = []
    client = hostile_app.test_client()
    for sent in kind():
        body = sent.body
        if isinstance(body, dict):
            body = json.dumps({"churchId": str(church.church_id)} | body if sent.path in (SEND, SCHEDULES) else body)
        bearer = church.bearer if sent.path.startswith("/api/") else {}
        try:
            answer = client.open(
                sent.path,
                method=sent.method,
                data=body,
                content_type=sent.media_type,
                headers=bearer | sent.headers,
                environ_overrides=sent.environ,
            )
        except Exception as error:  # noqa: BLE001 - all of them are reported together
            faults.append(f"{sent}: {error!r}")
        else:
            if answer.status_code >= 500:
                faults.append(f"{sent}: {answer.status_code}")
    faults += [f"logged: {line['exception'][-300:]}" for line in log_lines() if "exception" in line]

    assert faults == []
