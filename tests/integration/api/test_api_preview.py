"""POST /api/messages/preview: what would become of a message, without sending it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection, sql
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from api.app import create_app
from api.messages import previewing
from api.services import services
from channels.per_church_limits import ChurchSlots
from messaging.addresses import AddressKind
from messaging.quiet_hours import Window
from settings import Settings
from store import churches, message_expansion, opt_outs, segment_prices, senders
from store.audit import Actor
from store.database import Database, system_scope
from store.segment_prices import SegmentPrice
from tests.harness.churches import KnownChurch, add_contacts, create_church
from tests.harness.mails import SECRET
from tests.harness.senders import set_mail_sender

PREVIEW, SEND = "/api/messages/preview", "/api/messages/send"
TEXT = "Grace: service moves to 10:30. Reply STOP to opt out."


def a_message(church: KnownChurch, **changes: Any) -> dict[str, Any]:
    return {"churchId": str(church.church_id), "content": TEXT, "targetType": "all"} | changes


def preview(client: FlaskClient, church: KnownChurch, **changes: Any) -> Any:
    answer = client.post(PREVIEW, json=a_message(church, **changes), headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def codes(previewed: Any) -> set[str]:
    return {warning["code"] for warning in previewed["warnings"]}


def execute(database: Database, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with system_scope(database) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def name_contacts(database: Database, church: KnownChurch, *names: str, **fields: str) -> list[UUID]:
    """Create contacts with these names and fields."""
    ids = add_contacts(database, church.church_id, count=len(names))
    for contact_id, name in zip(ids, names, strict=True):
        execute(
            database,
            "UPDATE contacts SET name = %(name)s, fields = %(fields)s WHERE contact_id = %(id)s",
            name=name,
            fields=Jsonb(fields),
            id=contact_id,
        )
    for field in fields:
        execute(database, "INSERT INTO contact_fields VALUES (%(id)s, %(name)s)", id=church.church_id, name=field)
    return ids


def row_counts(superuser_database_url: str) -> dict[str, int]:
    with psycopg.connect(superuser_database_url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        counts: dict[str, int] = {}
        for (name,) in names.fetchall():
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
            assert row is not None
            counts[name] = row[0]
        return counts


def test_a_preview_shows_whom_a_message_reaches_and_what_it_takes(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=5)
    with system_scope(database) as connection:
        opt_outs.opt_out(connection, church_id=church.church_id, address="+12025550001", source="command")
    execute(database, "UPDATE contacts SET phone = NULL, number_region = NULL WHERE phone = '+12025550002'")
    execute(database, "UPDATE contacts SET phone = '+12025550000' WHERE phone = '+12025550003'")

    found = preview(client, church)

    assert (found["audience"], found["reached"]) == (5, 2)
    assert found["exclusions"] == [
        {"reason": "duplicate", "people": 1},
        {"reason": "no address", "people": 1},
        {"reason": "opted out", "people": 1},
    ]
    assert found["segments"] == {"min": 1, "max": 1, "sum": 2}
    assert (found["encoding"], found["cost"]) == ("GSM-7", None)
    assert [example["content"] for example in found["examples"]] == [TEXT]
    assert found["warnings"][:1] != [{"code": "no-recipients"}]


def test_a_preview_writes_nothing(
    client: FlaskClient, church: KnownChurch, database: Database, superuser_database_url: str
) -> None:
    name_contacts(database, church, "Ruth", "Ann", campus="North")
    services(client.application).measurement_writer.write()
    before = row_counts(superuser_database_url)

    preview(client, church, content="Hi {{campus}} https://grace.example.org/supper", shortenLinks=True)

    assert row_counts(superuser_database_url) == before


def test_a_preview_could_not_write(client: FlaskClient, church: KnownChurch, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(connection: Connection[Any], **_: Any) -> None:
        connection.execute("UPDATE churches SET name = 'Changed'")

    monkeypatch.setattr("store.previews.circumstances", write)

    answer = client.post(PREVIEW, json=a_message(church), headers=church.bearer)

    assert answer.status_code == 503


def test_texts_with_merge_fields_are_counted_one_by_one(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    name_contacts(database, church, "Ruth Ames", "", "\u0141ukasz Nowak", "Ann " + "x" * 150)

    found = preview(client, church, content="Hi {{firstName}}{{lastName}}, see you on Sunday at half past ten. STOP")

    assert found["segments"] == {"min": 1, "max": 2, "sum": 5}
    assert found["encoding"] == "mixed"
    assert found["examples"][0]["segments"] == 2
    contents = [example["content"] for example in found["examples"]]
    assert len(contents) == 3
    assert any(content.startswith("Hi, see you") for content in contents)
    missing = [warning["message"] for warning in found["warnings"] if warning["code"] == "fields-missing"]
    assert len(missing) == 2
    assert missing[0].startswith("1 of 4 people have no firstName")
    assert missing[1].startswith("1 of 4 people have no lastName")


def test_a_default_is_missing_for_nobody(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    name_contacts(database, church, "", "Ruth")

    found = preview(client, church, content="Hi {{firstName|friend}}")

    assert "fields-missing" not in codes(found)
    assert {example["content"] for example in found["examples"]} == {"Hi friend", "Hi Ruth"}


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("Ruth", "GSM-7"), ("Jos\u00e9", "UCS-2"), ("\u20ac", "GSM-7"), ("\u041e\u043b\u044f", "UCS-2")],
)
def test_the_encoding_is_that_of_the_merged_text(
    client: FlaskClient, church: KnownChurch, database: Database, name: str, encoding: str
) -> None:
    """é is in GSM 7-bit; a decomposed e with an accent is not."""
    name_contacts(database, church, name.replace("\u00e9", "e\u0301"))

    found = preview(client, church, content="Hi {{name}}")

    assert found["encoding"] == found["examples"][0]["encoding"] == encoding


def test_the_warnings_are_about_the_text_and_offer_a_better_one(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=1)
    execute(database, "UPDATE churches SET name = 'Hope Chapel'")
    content = "We\u2019ll meet at 10:30 this Sunday, and have a supper afterwards. Bring a dish: https://bit.ly/supper"

    found = preview(client, church, content=content)

    assert codes(found) == {"costly-characters", "public-shortener", "no-church-name", "no-opt-out"}
    [costly] = [warning for warning in found["warnings"] if warning["code"] == "costly-characters"]
    assert costly["suggestion"] == content.replace("\u2019", "'")
    assert preview(client, church, content=costly["suggestion"])["segments"]["sum"] < found["segments"]["sum"]


def test_a_suggestion_is_measured_with_short_links(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    """The characters cost nothing here: with the short link, the text fits in one segment either way."""
    add_contacts(database, church.church_id, count=1)
    content = "We\u2019ll meet https://grace.example.org/" + "x" * 200

    assert "costly-characters" in codes(preview(client, church, content=content))
    short = preview(client, church, content=content, shortenLinks=True)
    assert "costly-characters" not in codes(short)
    assert short["segments"]["sum"] == 1
    assert "/l/222222222222" in short["examples"][0]["content"]


@pytest.mark.parametrize("content", ["{\U0001f64f{x", "{\U0001f64f{name}}" + "x" * 80, "\u2026" * 1600])
def test_a_suggestion_that_could_not_be_sent_is_not_made(
    client: FlaskClient, church: KnownChurch, content: str
) -> None:
    assert "costly-characters" not in codes(preview(client, church, content=content))


def test_the_cost_is_that_of_the_church_on_the_day(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=3)
    today = datetime.now(UTC).date()
    actor = Actor(kind="command", name="test")

    def price(amount: str, church_id: UUID | None, days: int) -> None:
        with system_scope(database) as connection:
            new = SegmentPrice(
                channel="sms", valid_from=today + timedelta(days=days), per_segment=Decimal(amount), currency="USD"
            )
            segment_prices.set_price(connection, new, church_id=church_id, actor=actor)

    price("0.01", None, -1 if today.day > 1 else 0)
    assert preview(client, church)["cost"] == {"currency": "USD", "amount": "0.03"}
    price("0.0079", church.church_id, 5)
    assert preview(client, church)["cost"] == {"currency": "USD", "amount": "0.03"}
    in_a_week = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    assert preview(client, church, sendAt=in_a_week)["cost"] == {"currency": "USD", "amount": "0.0237"}


def test_limits_show_who_would_get_nothing(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    add_contacts(database, church.church_id, count=10)
    execute(database, "UPDATE churches SET daily_segment_limit = 6, monthly_segment_quota = 100")

    daily, monthly = preview(client, church)["limits"]

    assert daily == {"limit": "daily", "segments": 6, "left": 6, "needed": 10, "beyond": 4}
    assert monthly == {"limit": "monthly", "segments": 100, "left": 100, "needed": 10, "beyond": 0}
    assert client.post(SEND, json=a_message(church), headers=church.bearer).status_code == 429


def test_the_estimate_counts_pace_and_what_waits_before(client: FlaskClient, database: Database) -> None:
    church = create_church(database, segments_per_second=2)
    add_contacts(database, church.church_id, count=20)
    before = datetime.now(UTC)
    assert preview(client, church)["estimate"]["segmentsBefore"] == 0
    client.post(SEND, json=a_message(church), headers=church.bearer)

    estimate = preview(client, church)["estimate"]

    assert (estimate["segmentsBefore"], estimate["segmentsPerSecond"]) == (20, 2)
    began, done = (datetime.fromisoformat(estimate[name]) for name in ("beginsAt", "doneAt"))
    assert began >= before
    assert done - began == timedelta(seconds=20)
    [(message_id,)] = execute(database, "SELECT message_id FROM messages")
    with system_scope(database) as connection:
        message_expansion.expand(
            connection, message_ids=[message_id], address_kind=AddressKind.PHONE, keeps_quiet_hours=True
        )
    assert preview(client, church)["estimate"]["segmentsBefore"] == 20


def test_the_estimate_waits_for_the_end_of_quiet_hours(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=4)
    execute(database, "UPDATE contacts SET time_zone = 'Pacific/Honolulu' WHERE phone = '+12025550000'")
    with system_scope(database) as connection:
        churches.set_window(connection, church_id=church.church_id, window=Window(opens=9 * 60, closes=20 * 60))
    next_year = datetime.now(UTC).year + 1
    noon = f"{next_year}-01-10T12:00:00"  # in New York; in Honolulu it is seven

    if datetime.fromisoformat(f"{noon}+00:00") - datetime.now(UTC) > timedelta(days=360):
        noon = noon.replace(str(next_year), str(next_year - 1))
    estimate = preview(client, church, sendAt=noon)["estimate"]

    assert estimate["beginsAt"].endswith("-01-10T17:00:00Z")
    assert estimate["doneAt"].endswith("-01-10T19:00:00Z")
    assert estimate["waitsForQuietHours"] == 1
    urgent = preview(client, church, sendAt=noon, urgent={"reason": "storm"})["estimate"]
    assert urgent["doneAt"].endswith("-01-10T17:00:00Z")
    assert urgent["waitsForQuietHours"] == 0


def test_a_stopped_sender_has_no_end_and_a_warning(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=1)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church.church_id, channel="sms", reason="wrong token")

    found = preview(client, church)

    assert found["estimate"]["doneAt"] is None
    assert "sender-paused" in codes(found)


def test_a_preview_for_nobody(client: FlaskClient, church: KnownChurch) -> None:
    found = preview(client, church)

    assert (found["audience"], found["reached"], found["exclusions"], found["examples"]) == (0, 0, [], [])
    assert found["segments"] == {"min": 0, "max": 0, "sum": 0}
    assert found["estimate"]["doneAt"] is None
    assert "no-recipients" in codes(found)


def test_errors_are_those_of_a_send(client: FlaskClient, church: KnownChurch, other_church: KnownChurch) -> None:
    bodies: list[dict[str, Any]] = [
        {"content": " "},
        {"targetType": "nobody"},
        {"targetType": "contacts", "contactIds": ["0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11"]},
        {"targetType": "numbers", "phoneNumbers": ["+442071838750", "1"]},
        {"targetType": "numbers", "phoneNumbers": ["+442071838750"], "content": "{{nothing}}"},
        {"content": "{{"},
        {"channel": "mms", "mediaUrls": []},
        {"sendAt": "2999-01-01T00:00:00Z"},
        {"shortenLinks": "yes"},
        {"unknown": 1},
    ]
    for changes in bodies:
        previewed, sent = (
            client.post(path, json=a_message(church, **changes), headers=church.bearer) for path in (PREVIEW, SEND)
        )
        assert previewed.status_code == sent.status_code == 422, changes
        assert previewed.get_json()["errors"] == sent.get_json()["errors"], changes
    assert client.post(PREVIEW, json=a_message(other_church), headers=church.bearer).status_code == 403


def test_a_suspended_church_gets_no_preview(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    execute(database, "UPDATE churches SET suspended_at = now(), suspended_reason = 'unpaid'")

    answer = client.post(PREVIEW, json=a_message(church), headers=church.bearer)

    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (403, "problem-church-suspended")


def test_a_church_gets_few_previews_at_once(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "_slots", ChurchSlots(total=2, per_church=1))
    began, goes_on = Event(), Event()
    calculate = previewing._preview  # pyright: ignore[reportPrivateUsage]

    def wait_and_calculate(body: Any, errors: Any) -> Any:
        if str(body.church_id) == str(church.church_id):
            began.set()
            assert goes_on.wait(30)
        return calculate(body, errors)

    monkeypatch.setattr(previewing, "_preview", wait_and_calculate)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(preview, client.application.test_client(), church)
        assert began.wait(30)
        refused = client.post(PREVIEW, json=a_message(church), headers=church.bearer)
        other = client.post(PREVIEW, json=a_message(other_church), headers=other_church.bearer)
        goes_on.set()
        assert first.result()["audience"] == 0

    assert (refused.status_code, other.status_code) == (429, 200)
    assert int(refused.headers["Retry-After"]) > 0
    goes_on.set()
    assert client.post(PREVIEW, json=a_message(church), headers=church.bearer).status_code == 200


@pytest.fixture
def mail_app(settings: Settings) -> Iterator[Flask]:
    changes = {"smtp_url": "smtp://127.0.0.1:9?starttls=never", "secret_key": SecretStr(SECRET)}
    app = create_app(settings.model_copy(update=changes))
    yield app
    services(app).close()


def test_a_mail_has_no_segments_to_speak_of(mail_app: Flask, church: KnownChurch, database: Database) -> None:
    set_mail_sender(database, church.church_id)
    name_contacts(database, church, "Ruth", "Ann")
    execute(database, "UPDATE contacts SET email = lower(name) || '@example.org' WHERE name = 'Ruth'")

    found = preview(
        mail_app.test_client(),
        church,
        channel="mail",
        subject="Hi {{firstName}}",
        content="We\u2019ll meet, {{firstName}}. " + "x" * 2000,
    )

    assert (found["audience"], found["reached"], found["encoding"], found["limits"]) == (2, 1, None, [])
    assert found["exclusions"] == [{"reason": "no address", "people": 1}]
    assert found["examples"][0]["details"] == {"subject": "Hi Ruth"}
    assert found["examples"][0]["content"].startswith("We\u2019ll meet, Ruth.")
    assert codes(found) == set()
