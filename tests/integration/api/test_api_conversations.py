"""What people write is listed, read and shown with what they got, one conversation for each number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from messaging.states import Status
from store import conversations, received_messages
from store.conversations import MOST_UNREAD
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch, add_contacts
from tests.integration.store.inbound_texts import receive
from tests.integration.store.ledger import Ledger, numbers, sent
from tests.integration.store.merged_messages import add_person, send_merged

ANN, BEN, STRANGER = *numbers(2), "+12025559999"


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def ann(database: Database, church: KnownChurch) -> UUID:
    """The contact with ANN's number."""
    return add_contacts(database, church.church_id, count=2)[0]


def get(client: FlaskClient, church: KnownChurch, path: str, **query: object) -> Any:
    answer = client.get(path, headers=church.bearer, query_string={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def post(client: FlaskClient, church: KnownChurch, path: str, body: Any = None) -> Any:
    answer = client.post(path, headers=church.bearer, json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def texts(page: Any) -> list[str]:
    return [item["content"] for item in page["items"]]


# --- GET /api/inbound -------------------------------------------------------------------------------------------------


def test_replies_are_listed_newest_first_in_pages_without_keywords(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    for content in ("first", "second", "third"):
        receive(ledger, church.church_id, ANN, content)
    receive(ledger, church.church_id, BEN, "STOP", keyword="opt_out")
    receive(ledger, other_church.church_id, ANN, "for the other church")

    page = get(client, church, "/api/inbound", limit=2)
    rest = get(client, church, "/api/inbound", limit=2, cursor=page["next"])

    assert texts(page) + texts(rest) == ["third", "second", "first"]
    assert rest["next"] is None
    assert page["items"][0]["contacts"] == [{"id": str(ann), "name": "Person 0"}]
    assert texts(get(client, church, "/api/inbound", keywords="true"))[0] == "STOP"


@pytest.mark.parametrize("by", ["contact", "conversation"])
def test_they_are_listed_by_contact_or_conversation(
    by: str, client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    receive(ledger, church.church_id, ANN, "from Ann")
    receive(ledger, church.church_id, BEN, "from Ben")
    conversation = next(
        each["id"] for each in get(client, church, "/api/conversations")["items"] if each["phone"] == ANN
    )

    page = get(client, church, "/api/inbound", conversation=ann if by == "contact" else conversation)

    assert texts(page) == ["from Ann"]


def test_a_contact_of_another_church_has_no_messages(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    receive(ledger, church.church_id, ANN)

    for path in (f"/api/inbound?conversation={ann}", f"/api/conversations/{ann}"):
        assert client.get(path, headers=other_church.bearer).status_code == 404


def test_what_was_read_is_no_longer_unread_until_it_is_marked_again(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    first, second = (receive(ledger, church.church_id, ANN, content) for content in ("first", "second"))

    read = post(client, church, f"/api/inbound/{first}/read")
    again = post(client, church, f"/api/inbound/{first}/read")

    assert read["readAt"] is not None
    assert again["readAt"] == read["readAt"], "the first time stays"
    assert texts(get(client, church, "/api/inbound", unread="true")) == ["second"]
    assert post(client, church, f"/api/inbound/{first}/unread")["readAt"] is None
    assert texts(get(client, church, "/api/inbound", unread="true")) == ["second", "first"]
    assert second != first


@pytest.mark.parametrize("query", ["unread=yes", "keywords=1", "conversation=nobody", "cursor=x", "from=2026"])
def test_a_query_that_is_not_valid_is_refused(query: str, client: FlaskClient, church: KnownChurch) -> None:
    answer = client.get(f"/api/inbound?{query}", headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [query.partition("=")[0]]


# --- GET /api/conversations -------------------------------------------------------------------------------------------


def test_conversations_are_listed_by_their_last_text(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    receive(ledger, church.church_id, ANN, "from Ann")
    receive(ledger, church.church_id, STRANGER, "from a stranger")
    receive(ledger, church.church_id, BEN, "STOP", keyword="opt_out")
    receive(ledger, church.church_id, ANN, "Ann again")

    page = get(client, church, "/api/conversations", limit=1)
    rest = get(client, church, "/api/conversations", limit=1, cursor=page["next"])

    [first], [second] = page["items"], rest["items"]
    assert (first["phone"], first["last"]["content"], first["unread"]) == (ANN, "Ann again", 2)
    assert first["contacts"] == [{"id": str(ann), "name": "Person 0"}]
    assert (second["phone"], second["contacts"], second["unread"]) == (STRANGER, [], 1)
    assert rest["next"] is None, "who only sent a keyword is not listed"


def test_a_flood_from_one_number_is_counted_up_to_a_limit(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    ledger.query(
        "INSERT INTO inbound_messages (church_id, channel, carrier_id, from_address, to_address, content) "
        "SELECT %(id)s, 'sms', 'SM' || n, %(sender)s, '+15005550006', 'again' FROM generate_series(1, 300) AS n",
        id=church.church_id,
        sender=STRANGER,
    )

    [listed] = get(client, church, "/api/conversations")["items"]

    assert listed["unread"] == MOST_UNREAD
    assert post(client, church, f"/api/conversations/{listed['id']}/read", {}) == {"marked": 300}
    assert get(client, church, "/api/conversations")["items"][0]["unread"] == 0


def test_a_conversation_is_read_up_to_what_was_seen(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    seen = [receive(ledger, church.church_id, STRANGER) for _ in range(2)]
    [listed] = get(client, church, "/api/conversations")["items"]
    receive(ledger, church.church_id, STRANGER, "came meanwhile")

    marked = post(client, church, f"/api/conversations/{listed['id']}/read", {"upTo": str(seen[-1])})

    assert marked == {"marked": 2}
    assert texts(get(client, church, "/api/inbound", unread="true")) == ["came meanwhile"]


# --- GET /api/conversations/{id} --------------------------------------------------------------------------------------


def broadcast(ledger: Ledger, church: KnownChurch, addresses: list[str], content: str, *, ago: timedelta) -> None:
    message = ledger.send(church.church_id, addresses)
    ledger.query(
        "UPDATE messages SET content = %(content)s, send_at = now() - %(ago)s WHERE message_id = %(id)s",
        content=content,
        ago=ago,
        id=message.message_id,
    )


@pytest.fixture
def exchange(ledger: Ledger, church: KnownChurch, ann: UUID) -> list[str]:
    """What Ann and the church wrote to each other, newest first. Messages to others and of others are in between."""
    church_id = church.church_id
    receive(ledger, church_id, ANN, "when is it?", ago=timedelta(minutes=30))
    receive(ledger, church_id, ANN, "STOP", keyword="opt_out", ago=timedelta(minutes=10))
    receive(ledger, church_id, BEN, "from Ben", ago=timedelta(minutes=15))
    broadcast(ledger, church, [ANN, BEN], "to all", ago=timedelta(minutes=40))
    broadcast(ledger, church, [BEN], "to Ben", ago=timedelta(minutes=25))
    broadcast(ledger, church, [ANN], "to Ann", ago=timedelta(minutes=20))
    return ["STOP", "to Ann", "when is it?", "to all"]


def test_a_conversation_has_what_both_wrote_in_order(
    client: FlaskClient, church: KnownChurch, ann: UUID, exchange: list[str]
) -> None:
    page = get(client, church, f"/api/conversations/{ann}")

    assert texts(page) == exchange
    assert [item["kind"] for item in page["items"]] == ["inbound", "broadcast", "inbound", "broadcast"]
    assert [item["status"] for item in page["items"]] == [None, "queued", None, "queued"]
    assert page["items"][0]["keyword"] == "opt_out"
    assert page["unread"] == 1, "the keyword needs no reader"
    assert page["next"] is None


@pytest.mark.parametrize("look_back", [1, 2, 3, 1000])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_have_every_text_once_however_few_broadcasts_each_looks_through(
    limit: int, look_back: int, database: Database, ledger: Ledger, church: KnownChurch, exchange: list[str]
) -> None:
    [(conversation_id,)] = ledger.query("SELECT conversation_id FROM conversations WHERE address = %(a)s", a=ANN)
    found: list[str] = []
    before = conversations.END
    with church_scope(database, church.church_id) as connection:
        for _ in range(20):
            page = conversations.history(
                connection,
                church_id=church.church_id,
                address=ANN,
                conversation_id=conversation_id,
                before=before,
                limit=limit,
                look_back=look_back,
            )
            found += [text.content for text in page.texts]
            if page.next is None:
                break
            before = page.next

    assert found == exchange


def test_broadcasts_due_at_the_same_moment_are_not_lost_between_pages(
    client: FlaskClient, ledger: Ledger, church: KnownChurch, ann: UUID
) -> None:
    for content in ("one", "two", "three"):
        broadcast(ledger, church, [ANN], content, ago=timedelta())
    ledger.query("UPDATE messages SET send_at = date_trunc('hour', now())")
    found: list[str] = []
    query: dict[str, object] = {"limit": 1}
    while True:
        page = get(client, church, f"/api/conversations/{ann}", **query)
        found += texts(page)
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert sorted(found) == ["one", "three", "two"]


def test_a_message_that_was_written_long_before_it_was_due_stands_where_it_was_due(
    client: FlaskClient, ledger: Ledger, church: KnownChurch, ann: UUID
) -> None:
    broadcast(ledger, church, [ANN], "was due last", ago=timedelta(minutes=1))
    receive(ledger, church.church_id, ANN, "wrote before", ago=timedelta(minutes=5))

    assert texts(get(client, church, f"/api/conversations/{ann}")) == ["was due last", "wrote before"]


def test_what_was_suppressed_or_is_not_due_yet_is_not_shown(
    client: FlaskClient, ledger: Ledger, church: KnownChurch, ann: UUID
) -> None:
    ledger.opt_out(church.church_id, ANN)
    ledger.send(church.church_id, [ANN])
    ledger.compose(church.church_id, {"phoneNumbers": [ANN]}, send_at=datetime.now(UTC) + timedelta(hours=1))

    page = get(client, church, f"/api/conversations/{ann}")

    assert page["items"] == []
    assert page["optedOutAt"] is not None
    assert page["id"] is None, "neither has written to the other alone"


def test_a_flood_of_unread_messages_is_marked_in_parts(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received_messages, "MOST_MARKED", 2)
    for content in ("first", "second", "third"):
        receive(ledger, church.church_id, ANN, content)
    path = f"/api/conversations/{ann}/read"

    assert post(client, church, path, {}) == {"marked": 2}
    assert texts(get(client, church, "/api/inbound", unread="true")) == ["third"]
    assert post(client, church, path, {}) == {"marked": 1}


def test_a_broadcast_with_merge_fields_is_shown_as_the_person_got_it(
    client: FlaskClient, ledger: Ledger, church: KnownChurch
) -> None:
    ruth = add_person(ledger, church.church_id, "Ruth Miller", ANN)
    send_merged(ledger, church.church_id, "Hi {{firstName|friend}}!", target={"contactIds": [str(ruth)]})

    assert texts(get(client, church, f"/api/conversations/{ruth}")) == ["Hi Ruth!"]


def test_it_shows_how_far_a_message_has_got(
    client: FlaskClient, ledger: Ledger, church: KnownChurch, ann: UUID
) -> None:
    ledger.send(church.church_id, [ANN])
    ledger.record(sent(ledger.claim(church.church_id)))

    [item] = get(client, church, f"/api/conversations/{ann}")["items"]

    assert (item["status"], item["direction"]) == (Status.SENT, "out")


def test_a_contact_without_a_number_has_no_conversation(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    [(contact_id,)] = ledger.query(
        "INSERT INTO contacts (church_id, name, email) VALUES (%(id)s, 'Eve', 'eve@example.org') RETURNING contact_id",
        id=church.church_id,
    )

    answer = client.get(f"/api/conversations/{contact_id}", headers=church.bearer)

    assert (answer.status_code, answer.get_json()["detail"]) == (409, "The contact has no phone number.")


def test_a_contact_without_a_number_has_none_of_the_redacted_messages(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    """Redacted messages have no number either."""
    receive(ledger, church.church_id, ANN)
    ledger.query("UPDATE inbound_messages SET from_address = '', content = '', redacted_at = now(), read_at = now()")
    [(contact_id,)] = ledger.query(
        "INSERT INTO contacts (church_id, name, email) VALUES (%(id)s, 'Eve', 'eve@example.org') RETURNING contact_id",
        id=church.church_id,
    )

    assert get(client, church, "/api/inbound", conversation=contact_id) == {"items": [], "next": None}


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "A" * 32 + "=", "_" * 32, "é"])
def test_a_cursor_that_is_not_valid_is_refused(
    cursor: str, client: FlaskClient, church: KnownChurch, ann: UUID
) -> None:
    answer = client.get(f"/api/conversations/{ann}", headers=church.bearer, query_string={"cursor": cursor})

    assert answer.status_code == 422, answer.text


def test_family_members_share_the_conversation_of_their_number(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, ann: UUID
) -> None:
    ledger.query(
        "INSERT INTO contacts (church_id, name, phone) VALUES (%(id)s, 'Abe', %(phone)s)",
        id=church.church_id,
        phone=ANN,
    )
    receive(ledger, church.church_id, ANN)

    [listed] = get(client, church, "/api/conversations")["items"]

    assert [contact["name"] for contact in listed["contacts"]] == ["Abe", "Person 0"]
