"""/api/templates: creating, listing, changing and deleting templates, and sending messages with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, create_church

TEMPLATES, SEND, SCHEDULES = "/api/templates", "/api/messages/send", "/api/schedules"


def create(client: FlaskClient, church: KnownChurch, **body: Any) -> dict[str, Any]:
    body = {"name": "Sunday", "content": "Hi {{firstName|friend}}"} | body
    answer = client.post(TEMPLATES, json=body, headers=church.bearer)
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def get(client: FlaskClient, church: KnownChurch, path: str) -> dict[str, Any]:
    answer = client.get(path, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def send(client: FlaskClient, church: KnownChurch, path: str = SEND, key: str = "", **body: Any) -> Any:
    body = {"churchId": str(church.church_id), "targetType": "all"} | body
    headers = church.bearer | ({"Idempotency-Key": key} if key else {})
    return client.post(path, json=body, headers=headers)


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


def actions(client: FlaskClient, church: KnownChurch) -> list[str]:
    return [event["action"] for event in get(client, church, "/api/audit")["items"]]


def test_a_template_is_shown_with_the_merge_fields_that_it_needs(client: FlaskClient, church: KnownChurch) -> None:
    content = r"Hi {{firstName|friend}} {{lastName}}, {{firstName|friend}} \{{x}}"
    created = create(client, church, channel="mail", subject="For {{name|all}}", content=content)

    assert created["fields"] == [
        {"name": "firstName", "default": "friend"},
        {"name": "lastName", "default": ""},
        {"name": "name", "default": "all"},
    ]
    assert (created["channel"], created["details"]) == ("mail", {"subject": "For {{name|all}}"})
    assert get(client, church, f"{TEMPLATES}/{created['id']}") == created
    assert get(client, church, TEMPLATES)["items"] == [created]


def test_repeating_a_creation_changes_nothing_and_a_name_is_taken_once(
    client: FlaskClient, church: KnownChurch
) -> None:
    first = create(client, church)

    again = client.post(TEMPLATES, json={"name": "SUNDAY", "content": first["content"]}, headers=church.bearer)
    other = client.post(TEMPLATES, json={"name": "sunday", "content": "Other"}, headers=church.bearer)

    assert (again.status_code, again.get_json()["id"], other.status_code) == (200, first["id"], 409)
    assert actions(client, church) == ["template.created"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": " "}, {"name": "must have at least 1 character"}),
        ({"content": " "}, {"content": "must not be blank"}),
        (
            {"content": "a" * 1601, "channel": "sms"},
            {"content": "is longer than the 1600 characters that one text may have"},
        ),
        ({"content": "{{age}}"}, {"content": "the fields are"}),
        ({"content": "{{"}, {"content": "without }}"}),
        ({"subject": "News"}, {"subject": "is only allowed with the channel that has it"}),
        ({"subject": "News", "channel": "sms"}, {"subject": "is only allowed when channel is mail"}),
        ({"subject": "{{a", "channel": "mail"}, {"subject": "without }}"}),
        ({"subject": "{{age}}", "channel": "mail"}, {"subject": "unknown merge field"}),
        ({"channel": "fax"}, {"channel": "must be one of"}),
        ({"colour": "red"}, {"colour": "is not a known field"}),
    ],
)
def test_what_is_wrong_is_named(
    client: FlaskClient, church: KnownChurch, body: dict[str, Any], expected: dict[str, str]
) -> None:
    created = create(client, church, name="Existing")
    new = client.post(TEMPLATES, json={"name": "New", "content": "Hi"} | body, headers=church.bearer)
    edit = client.patch(f"{TEMPLATES}/{created['id']}", json=body, headers=church.bearer)

    for found in (errors(new), errors(edit)):
        assert found.keys() == expected.keys()
        assert all(expected[field] in message for field, message in found.items())
    assert get(client, church, TEMPLATES)["items"] == [created]


def test_a_template_is_changed_and_deleted(client: FlaskClient, church: KnownChurch) -> None:
    created = create(client, church, channel="mail", subject="News")
    path = f"{TEMPLATES}/{created['id']}"

    renamed = client.patch(path, json={"name": "Every Sunday"}, headers=church.bearer).get_json()
    for_any = client.patch(path, json={"channel": None, "content": "Hi"}, headers=church.bearer).get_json()
    deleted = client.delete(path, headers=church.bearer)

    assert (renamed["name"], renamed["details"], renamed["updatedAt"] is not None) == (
        "Every Sunday",
        {"subject": "News"},
        True,
    )
    assert (for_any["channel"], for_any["details"], for_any["fields"]) == (None, {}, [])
    assert deleted.status_code == 204
    assert client.get(path, headers=church.bearer).status_code == 404
    assert actions(client, church) == ["template.deleted", "template.changed", "template.changed", "template.created"]


def test_a_change_to_a_name_that_is_taken_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    create(client, church, name="Taken")
    other = create(client, church, name="Other")

    answer = client.patch(f"{TEMPLATES}/{other['id']}", json={"name": "taken"}, headers=church.bearer)

    assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs#problem-already-exists")


def test_a_church_has_at_most_500_templates(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    with system_scope(database) as connection:
        connection.execute(
            "INSERT INTO templates (church_id, name, content) SELECT %s, n::text, 'Hi' FROM generate_series(1, 500) n",
            [church.church_id],
        )

    answer = client.post(TEMPLATES, json={"name": "One more", "content": "Hi"}, headers=church.bearer)

    assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs#problem-too-many-templates")
    assert client.post(TEMPLATES, json={"name": "500", "content": "Hi"}, headers=church.bearer).status_code == 200


def test_a_message_copies_the_text_of_the_template(client: FlaskClient, church: KnownChurch) -> None:
    template = create(client, church)
    sent = send(client, church, templateId=template["id"]).get_json()
    client.patch(f"{TEMPLATES}/{template['id']}", json={"content": "Another text"}, headers=church.bearer)
    client.delete(f"{TEMPLATES}/{template['id']}", headers=church.bearer)

    assert get(client, church, sent["links"]["self"])["content"] == "Hi {{firstName|friend}}"


def test_a_schedule_copies_the_text_of_the_template(client: FlaskClient, church: KnownChurch) -> None:
    template = create(client, church)
    answer = send(client, church, SCHEDULES, templateId=template["id"], recurrence={"cron": "0 9 * * *"})

    assert answer.status_code == 201, answer.text
    assert get(client, church, answer.get_json()["links"]["self"])["content"] == "Hi {{firstName|friend}}"


def test_a_repeated_request_gets_its_message_whatever_became_of_the_template(
    client: FlaskClient, church: KnownChurch
) -> None:
    template = create(client, church)
    first = send(client, church, key="once", templateId=template["id"])
    client.patch(f"{TEMPLATES}/{template['id']}", json={"content": "Another text"}, headers=church.bearer)
    changed = send(client, church, key="once", templateId=template["id"])
    client.delete(f"{TEMPLATES}/{template['id']}", headers=church.bearer)
    deleted = send(client, church, key="once", templateId=template["id"])

    assert [answer.status_code for answer in (first, changed, deleted)] == [202, 202, 202]
    assert len({answer.get_json()["id"] for answer in (first, changed, deleted)}) == 1


def test_templates_that_cannot_be_used_are_refused(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    of_other = create(client, create_church(database))
    for_mail = create(client, church, channel="mail", subject="News", name="Mail")
    long = create(client, church, content="a" * 2000, name="Long")

    assert errors(send(client, church, templateId=str(uuid4()))) == {"templateId": "is not a template of this church"}
    assert errors(send(client, church, templateId=of_other["id"])) == {"templateId": "is not a template of this church"}
    assert errors(send(client, church, templateId=for_mail["id"], channel="sms")) == {
        "templateId": "is a template for mail only"
    }
    assert "content" in errors(send(client, church, templateId=long["id"]))
    assert errors(send(client, church, templateId=long["id"], content="Hi")) == {
        "content": "is not allowed with templateId"
    }
    assert get(client, church, "/api/messages")["items"] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    body=st.fixed_dictionaries(
        {"name": st.text(max_size=5), "content": st.text("ab {}|\\", max_size=12) | st.text(max_size=5)},
        optional={
            "channel": st.sampled_from(["sms", "mms", "mail", "fax", None, 1]),
            "subject": st.text("a{}\n", max_size=5) | st.none(),
            "mediaUrls": st.just(["https://example.org/a.jpg"]) | st.integers(),
        },
    )
)
def test_any_template_is_stored_or_refused(client: FlaskClient, church: KnownChurch, body: dict[str, Any]) -> None:
    answer = client.post(TEMPLATES, json=body, headers=church.bearer)

    assert answer.status_code in (200, 201, 409, 422), answer.text
    if answer.status_code == 201:
        stored = get(client, church, f"{TEMPLATES}/{answer.get_json()['id']}")
        assert stored["content"] == body["content"]
        assert send(client, church, templateId=stored["id"]).status_code in (202, 422)


@pytest.mark.parametrize("path", [SEND, SCHEDULES])
def test_an_edit_takes_the_text_of_a_template(client: FlaskClient, church: KnownChurch, path: str) -> None:
    template = create(client, church)
    for_mail = create(client, church, name="mail", channel="mail", content="Hi", subject="Hello")
    later = {"sendAt": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    body: dict[str, Any] = later if path == SEND else {"recurrence": {"cron": "0 9 * * *"}}
    kind = "messages" if path == SEND else "schedules"
    made = send(client, church, path, content="A text of its own", **body)
    shown = f"/api/{kind}/{made.get_json()['id']}"

    def edit(**changes: Any) -> Any:
        return client.patch(shown, json=changes, headers=church.bearer)

    assert errors(edit(templateId=str(uuid4()))) == {"templateId": "is not a template of this church"}
    assert errors(edit(templateId=for_mail["id"])) == {"templateId": "is a template for mail only"}
    assert errors(edit(templateId=template["id"], content="Hi")) == {"content": "is not allowed with templateId"}
    assert client.get(shown, headers=church.bearer).get_json()["content"] == "A text of its own"
    edited = edit(templateId=template["id"])
    assert (edited.status_code, edited.get_json()["content"]) == (200, template["content"]), edited.text
    assert edit(templateId=None).get_json()["content"] == template["content"]
    assert (
        client.patch(f"/api/{kind}/{uuid4()}", json={"templateId": template["id"]}, headers=church.bearer).status_code
        == 404
    )
