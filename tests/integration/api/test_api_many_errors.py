"""A response lists the first errors of a request and counts the others, so that it stays small."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel, ValidationError

from api.contacts.importing import ContactImport
from api.field_errors import field_errors
from api.messages.editing import MessageEdit
from api.messages.lifecycle import Retry
from api.schedules.editing import ScheduleEdit
from tests.harness.churches import KnownChurch

SEND = "/api/messages/send"


def a_message(church: KnownChurch, **changes: Any) -> dict[str, Any]:
    return {"churchId": str(church.church_id), "content": "Come", "targetType": "all", **changes}


def unknown_fields(count: int) -> dict[str, int]:
    return {f"field{number}": number for number in range(count)}


def test_an_import_lists_a_hundred_errors_and_the_first_of_each_further_contact(
    client: FlaskClient, church: KnownChurch
) -> None:
    people = [{"name": "Ruth", "phone": "+12025550123", **unknown_fields(70)} for _ in range(300)]

    answer = client.post("/api/contacts", json={"contacts": people}, headers=church.bearer)

    results = answer.get_json()["results"]
    assert [result["index"] for result in results] == list(range(300))
    assert [len(result["errors"]) for result in results] == [70, 30] + [1] * 298
    assert all(len(result["errors"]) + result["moreErrors"] == 70 for result in results)
    assert len(answer.data) < 400 * 100, "as many lines as contacts, and a hundred"


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        (unknown_fields(1_000), "field0"),
        ({"targetType": "numbers", "phoneNumbers": ["12"] * 1_000}, "phoneNumbers[0]"),
        (
            {"targetType": "contacts", "contactIds": ["01900000-0000-7000-8000-000000000000"] * 1_000},
            "contactIds[0]",
        ),
    ],
    ids=["unknown fields", "numbers", "contacts of others"],
)
def test_a_message_with_a_thousand_invalid_fields_lists_a_hundred(
    client: FlaskClient, church: KnownChurch, changes: dict[str, Any], first: str
) -> None:
    answer = client.post(SEND, json=a_message(church, **changes), headers=church.bearer)

    returned = answer.get_json()
    assert answer.status_code == 422
    assert returned["errors"][0]["field"] == first
    assert (len(returned["errors"]), returned["moreErrors"]) == (100, 900)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_edits_and_actions_list_at_most_a_hundred_errors(client: FlaskClient, church: KnownChurch, method: str) -> None:
    made = client.post(SEND, json=a_message(church), headers=church.bearer)
    path = made.headers["Location"] + ("/retry-failed" if method == "POST" else "")

    answer = client.open(path, method=method, json=unknown_fields(250), headers=church.bearer)

    returned = answer.get_json()
    assert (answer.status_code, len(returned["errors"]), returned["moreErrors"]) == (422, 100, 150)


def test_few_errors_are_all_listed(client: FlaskClient, church: KnownChurch) -> None:
    answer = client.post(SEND, json=a_message(church, content="", colour="red"), headers=church.bearer)

    returned = answer.get_json()
    assert [error["field"] for error in returned["errors"]] == ["content", "colour"]
    assert returned["moreErrors"] == 0


@pytest.mark.parametrize("field", ["contactIds", "phoneNumbers", "emailAddresses"])
def test_lists_in_an_edit_have_the_limits_of_a_new_message(
    client: FlaskClient, church: KnownChurch, field: str
) -> None:
    made = client.post(SEND, json=a_message(church), headers=church.bearer)
    changes = {"targetType": "all", field: [1] * 20_000}

    answer = client.patch(made.headers["Location"], json=changes, headers=church.bearer)

    returned = answer.get_json()
    assert (answer.status_code, returned["moreErrors"]) == (422, 0)
    assert returned["errors"] == [{"field": field, "message": "must have at most 10,000 items"}]


@pytest.mark.parametrize(
    ("model", "wrap"),
    [
        (Retry, "{}"),
        (MessageEdit, '{{"urgent":{}}}'),
        (ScheduleEdit, '{{"recurrence":{}}}'),
        (ContactImport, "{}"),
    ],
    ids=["whole body", "within a message", "within a schedule", "import"],
)
def test_unknown_fields_beyond_the_listed_ones_are_one_error(model: type[BaseModel], wrap: str) -> None:
    """An error takes half a kilobyte, and a body of 8 MB could have a million of them."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(wrap.format(json.dumps(unknown_fields(2_000))))

    found = field_errors(refused.value)
    assert refused.value.error_count() <= 101
    assert (len(found.listed), found.more) == (100, 1_900)
