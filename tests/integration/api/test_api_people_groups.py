"""What is stored about a person in fields and groups is exported and erased."""

from __future__ import annotations

from flask.testing import FlaskClient

from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.integration.api.test_api_contacts import add
from tests.integration.api.test_api_groups import GROUPS, change_members, create

RUTH, MAIL = "+12025550123", "ruth.bell@example.org"


def test_fields_and_groups_are_exported_and_erased(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    person = {"name": "Ruth", "phone": RUTH, "email": MAIL, "fields": {"allergies": "nuts"}}
    [contact, other] = add(client, church, person, {"name": "Amos", "email": "ruthxbell@example.org"})["results"]
    youth = create(client, church, "Youth")
    change_members(client, church, f"{youth}/members", [contact["id"], other["id"]])
    condition = {
        "any": [
            {"field": "phone", "oneOf": [RUTH, "+12025550124"]},
            {"not": {"field": "email", "equals": MAIL.title()}},
            {"field": "email", "equals": "ruthxbell@example.org"},
        ]
    }
    client.post(GROUPS, json={"name": "Some", "condition": condition}, headers=church.bearer)
    body = {"addresses": [RUTH, MAIL]}

    exported = client.post("/api/people/export", json=body, headers=church.bearer).get_json()
    erased = client.post("/api/people/erase", json=body, headers=church.bearer)

    [shown] = exported["contacts"]
    assert (shown["fields"], shown["groups"]) == ({"allergies": "nuts"}, ["Youth"])
    assert erased.status_code == 200, erased.text
    with system_scope(database) as connection:
        stored = str(
            connection.execute(
                "SELECT array(SELECT g::text FROM groups g), array(SELECT m::text FROM group_members m), "
                "array(SELECT c::text FROM contacts c)"
            ).fetchall()
        )
    for erased_text in (RUTH, "ruth.bell", "nuts", contact["id"]):
        assert erased_text.lower() not in stored.lower()
    assert "ruthxbell@example.org" in stored
    assert "+12025550124" in stored
