"""GET /api/contacts?search=: people are found by what somebody types."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.harness.churches import KnownChurch
from tests.integration.api.test_api_contacts import add
from tests.integration.api.test_api_groups import change_members, create

PEOPLE = (
    {"name": "Ruth Bell", "phone": "+12025550123", "email": "ruth@example.org"},
    {"name": "José García", "phone": "+12025550124"},
    {"name": "Amos Hill", "email": "ah_100%@example.org"},
)


@pytest.fixture
def people(client: FlaskClient, church: KnownChurch) -> dict[str, str]:
    """The ids of the people by name."""
    results = [add(client, church, person)["results"][0] for person in PEOPLE]
    return {person["name"]: result["id"] for person, result in zip(PEOPLE, results, strict=True)}


def found(client: FlaskClient, church: KnownChurch, text: str, rest: str = "") -> list[str]:
    answer = client.get(f"/api/contacts?search={quote(text)}{rest}", headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.get_json()["items"]]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ruth", ["Ruth Bell"]),
        ("BELL ru", ["Ruth Bell"]),
        ("garcia", ["José García"]),
        ("GARCÍA", ["José García"]),
        ("jose\u0301", ["José García"]),
        ("0123", ["Ruth Bell"]),
        ("(202) 555-01", ["Ruth Bell", "José García"]),
        ("202-555-0124", ["José García"]),
        ("+1 202 555 0124", ["José García"]),
        ("example.org", ["Ruth Bell", "Amos Hill"]),
        ("Ruth@Example", ["Ruth Bell"]),
        ("l", ["Ruth Bell", "Amos Hill"]),
        ("bell hill", []),
        ("%", ["Amos Hill"]),
        ("h_1", ["Amos Hill"]),
        ("r_th", []),
        ("\\", []),
        ("'; DROP TABLE contacts; --", []),
        ("  ", ["Ruth Bell", "José García", "Amos Hill"]),
    ],
)
def test_people_are_found_by_parts_of_name_number_and_address(
    client: FlaskClient, church: KnownChurch, text: str, names: list[str]
) -> None:
    assert found(client, church, text) == names


@pytest.mark.usefixtures("people")
def test_people_of_another_church_are_not_found(client: FlaskClient, other_church: KnownChurch) -> None:
    assert found(client, other_church, "ruth") == []


def test_a_search_can_be_within_a_group(client: FlaskClient, church: KnownChurch, people: dict[str, str]) -> None:
    group = create(client, church, "Youth")
    change_members(client, church, f"{group}/members", [people["José García"], people["Amos Hill"]])

    assert found(client, church, "h", f"&groupId={group}") == ["Amos Hill"]
    assert found(client, church, "", f"&groupId={group}") == ["José García", "Amos Hill"]


@pytest.mark.usefixtures("people")
def test_what_is_found_comes_in_pages(client: FlaskClient, church: KnownChurch) -> None:
    first = client.get("/api/contacts?search=l&limit=1", headers=church.bearer).get_json()
    second = client.get(f"/api/contacts?search=l&limit=1&cursor={first['next']}", headers=church.bearer).get_json()

    assert [item["name"] for item in first["items"] + second["items"]] == ["Ruth Bell", "Amos Hill"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("search=" + 101 * "x", "search"),
        ("search=%00", "search"),
        ("groupId=youth", "groupId"),
        ("groupId=0197a3f1-0c55-7be2-a6d4-58e1c9d0b7f3", "groupId"),
    ],
)
def test_a_query_that_cannot_be_right_is_refused_with_its_field(
    client: FlaskClient, church: KnownChurch, query: str, field: str
) -> None:
    answer = client.get(f"/api/contacts?{query}", headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
