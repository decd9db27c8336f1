"""A preview and the send after it agree: the same people, the same reasons, the same texts and segments."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from messaging.addresses import AddressKind
from messaging.submissions import Sender
from store import contacts, message_expansion, opt_outs
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from store.opt_outs import SenderRefusal
from tests.harness.churches import KnownChurch
from tests.integration.api.test_api_groups import change_members, create
from tests.integration.api.test_api_preview import PREVIEW, SEND, execute
from tests.integration.api.test_api_smart_groups import make

NUMBER, FORMER_NUMBER = "+15005550006", "+15005550199"
LONG_NAME = "\u0141ukasz Nowak " + "x" * 150
PEOPLE = {
    "Ruth Ames": "+12025550000",
    "": "+12025550001",
    LONG_NAME: "+12025550002",
    "Opted Out": "+12025550003",
    "Refused Here": "+12025550004",
    "Refused There": "+12025550005",
    "No Phone": None,
    "Ruth Again": "+12025550000",
    "In London": "+442071838750",
    "Never Texted": "+19005550100",
}
EVERYBODY = {
    "": 4,
    "duplicate": 1,
    "no address": 1,
    "number is never texted": 1,
    "opted out": 2,
    "region not allowed": 1,
}
SUPPER = "https://grace.example.org/harvest-supper?from=text&year=2027"
BODIES: dict[str, dict[str, Any]] = {
    "plain": {"content": "Service moves to 10:30. Reply STOP to opt out."},
    "merged": {"content": "Hi {{name|friend}}, see you in {{campus}}"},
    "short links": {"content": f"Supper: {SUPPER} {'x' * 100}", "shortenLinks": True},
    "merged, with short links": {"content": f"Hi {{{{firstName}}}}: {SUPPER} and {SUPPER}2", "shortenLinks": True},
}


@dataclass(frozen=True, kw_only=True)
class Town:
    """A church with people who get something, and one or more for each reason why somebody does not."""

    client: FlaskClient
    database: Database
    church: KnownChurch
    ids: dict[str, str]
    """The contacts by their names."""

    def post(self, path: str, **body: Any) -> Any:
        body = {"churchId": str(self.church.church_id), **body}
        answer = self.client.post(path, json=body, headers=self.church.bearer)
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.get_json()

    def send(self, **body: Any) -> list[dict[str, Any]]:
        """Send the message, write its deliveries as a worker does, and return them."""
        sent = self.post(SEND, **body)
        with church_scope(self.database, self.church.church_id) as connection:
            message_expansion.expand(
                connection,
                message_ids=[UUID(sent["id"])],
                address_kind=AddressKind.PHONE,
                keeps_quiet_hours=True,
                segment_weight=1,
                default_limit=1_000_000,
                default_regions=["US"],
            )
        path = f"/api/messages/{sent['id']}"
        message, page = (
            self.client.get(each, headers=self.church.bearer).get_json() for each in (path, f"{path}/deliveries")
        )
        return [
            {
                **each,
                "content": each["content"] or message["content"],
                "segments": each["segments"] or message["segments"],
            }
            for each in page["items"]
        ]


@pytest.fixture
def town(client: FlaskClient, church: KnownChurch, database: Database) -> Town:
    people = [
        Person(name=name, phone=phone, email=None if phone else "ann@example.org") for name, phone in PEOPLE.items()
    ]
    with church_scope(database, church.church_id) as connection:
        added = contacts.add(connection, church_id=church.church_id, people=people)
    ids = {name: str(each.contact_id) for name, each in zip(PEOPLE, added, strict=True)}
    execute(database, "INSERT INTO contact_fields VALUES (%(id)s, 'campus')", id=church.church_id)
    execute(
        database,
        """UPDATE contacts SET fields = '{"campus": "North"}' WHERE name = ANY (%(names)s)""",
        names=["Ruth Ames", "Refused Here", "Opted Out"],
    )
    with system_scope(database) as connection:
        opt_outs.opt_out(connection, church_id=church.church_id, address="+12025550003", source="command")
        for number, sender in (("+12025550004", NUMBER), ("+12025550005", FORMER_NUMBER)):
            used = Sender(address=sender, messaging_service_sid=None)
            refusal = SenderRefusal(church_id=church.church_id, address=number, sender=used)
            opt_outs.opt_out_of_senders(connection, [refusal], channel="sms")
    return Town(client=client, database=database, church=church, ids=ids)


def targets(town: Town) -> dict[str, tuple[dict[str, Any], dict[str, int]]]:
    """Return targets by name, with how many people of each get nothing, by reason ('': something)."""
    ids = town.ids
    listed, excluded = (create(town.client, town.church, name) for name in ("Listed", "Excluded"))
    change_members(town.client, town.church, f"{listed}/members", list(ids.values()))
    change_members(town.client, town.church, f"{excluded}/members", [ids["Ruth Ames"], ids["No Phone"]])
    north = make(town.client, town.church, "North", {"field": "campus", "equals": "North"})
    without_excluded = {
        reason: people for reason, people in EVERYBODY.items() if reason not in ("no address", "duplicate")
    }
    return {
        "all": ({"targetType": "all"}, EVERYBODY),
        "all but a group": ({"targetType": "all", "excludeGroupIds": [excluded]}, without_excluded),
        "contacts": (
            {"targetType": "contacts", "contactIds": [*ids.values(), ids["Ruth Ames"]]},
            {**EVERYBODY, "duplicate": 2},
        ),
        "numbers": (
            {
                "targetType": "numbers",
                "phoneNumbers": ["+12025550000", "+12025550000", *(f"+1202555000{n}" for n in range(1, 6))],
            },
            {"": 4, "duplicate": 1, "opted out": 2},
        ),
        "a group": ({"targetType": "groups", "groupIds": [listed]}, EVERYBODY),
        "a group but a group": (
            {"targetType": "groups", "groupIds": [listed], "excludeGroupIds": [excluded]},
            without_excluded,
        ),
        "a smart group": ({"targetType": "groups", "groupIds": [north]}, {"": 1, "opted out": 2}),
        "a group but a smart group": (
            {"targetType": "groups", "groupIds": [listed], "excludeGroupIds": [north]},
            {"": 4, "no address": 1, "number is never texted": 1, "region not allowed": 1},
        ),
        "two groups": ({"targetType": "groups", "groupIds": [listed, north]}, EVERYBODY),
    }


def assert_agreement(previewed: Any, deliveries: list[dict[str, Any]]) -> dict[str, int]:
    """Compare the preview with the deliveries, and return how many of them there are by reason."""
    written = Counter(each["reason"] or "" for each in deliveries)
    reasons = {each["reason"]: each["people"] for each in previewed["exclusions"]}
    assert {**reasons, "": previewed["reached"]} == dict(written)
    assert previewed["audience"] == len(deliveries)
    sent = [each for each in deliveries if not each["reason"]]
    segments = [each["segments"] for each in sent]
    assert previewed["segments"] == {"min": min(segments), "max": max(segments), "sum": sum(segments)}
    texts = {(each["contactId"], plain_code(each["content"]), each["segments"]) for each in sent}
    for example in previewed["examples"]:
        assert (example["contactId"], plain_code(example["content"]), example["segments"]) in texts
    return dict(written)


def plain_code(text: str) -> str:
    """Return the text with the same code in each short link: those of a preview lead nowhere."""
    return re.sub(r"/l/[0-9a-z]{12}", "/l/code", text)


@pytest.mark.parametrize("kind", BODIES)
def test_the_same_people_get_the_same_texts_for_the_same_reasons(town: Town, kind: str) -> None:
    for name, (target, expected) in targets(town).items():
        body = {**BODIES[kind], **target}

        previewed = town.post(PREVIEW, **body)
        written = assert_agreement(previewed, town.send(**body))

        assert written == expected, name
        assert ("/l/" in previewed["examples"][0]["content"]) == ("short links" in kind)


def test_a_template_is_previewed_as_it_is_sent(town: Town) -> None:
    content = f"Hi {{{{name|friend}}}}: {SUPPER}"
    template = town.client.post(
        "/api/templates", json={"name": "Supper", "content": content}, headers=town.church.bearer
    ).get_json()
    body = {"templateId": template["id"], "targetType": "all", "shortenLinks": True}

    by_content = town.post(PREVIEW, **{**body, "templateId": None, "content": content})
    previewed = town.post(PREVIEW, **body)

    assert assert_agreement(previewed, town.send(**body)) == EVERYBODY
    assert {**by_content, "estimate": None} == {**previewed, "estimate": None}
    assert (previewed["segments"]["max"], previewed["encoding"]) == (4, "mixed")


def test_previews_refuse_templates_and_groups_as_sends_do(
    town: Town, other_church: KnownChurch, client: FlaskClient
) -> None:
    theirs = create(client, other_church, "Theirs")
    their_template = client.post(
        "/api/templates", json={"name": "Supper", "content": "Supper"}, headers=other_church.bearer
    ).get_json()["id"]
    bodies: list[dict[str, Any]] = [
        {"targetType": "groups", "groupIds": [theirs]},
        {"targetType": "all", "excludeGroupIds": [theirs]},
        {"targetType": "all", "templateId": their_template, "content": ""},
        {"targetType": "all", "templateId": their_template},
        {"targetType": "groups", "groupIds": []},
    ]
    for changes in bodies:
        body = {"churchId": str(town.church.church_id), "content": "Supper", **changes}
        previewed, sent = (client.post(path, json=body, headers=town.church.bearer) for path in (PREVIEW, SEND))
        assert (previewed.status_code, sent.status_code) == (422, 422), changes
        assert previewed.get_json()["errors"] == sent.get_json()["errors"]


@pytest.mark.parametrize("sender", [NUMBER, FORMER_NUMBER])
def test_nobody_is_reached_if_the_carrier_refuses_everybody_for_the_present_sender(town: Town, sender: str) -> None:
    refused = town.ids["Ruth Ames"]
    group = create(town.client, town.church, "Ruths")
    change_members(town.client, town.church, f"{group}/members", [refused])
    others = [contact_id for contact_id in town.ids.values() if contact_id != refused]
    town.client.post("/api/contacts/delete", json={"contactIds": others}, headers=town.church.bearer)
    with system_scope(town.database) as connection:
        used = Sender(address=sender, messaging_service_sid=None)
        refusal = SenderRefusal(church_id=town.church.church_id, address="+12025550000", sender=used)
        opt_outs.opt_out_of_senders(connection, [refusal], channel="sms")
    for target in (
        {"targetType": "all"},
        {"targetType": "contacts", "contactIds": [refused]},
        {"targetType": "numbers", "phoneNumbers": ["+12025550000"]},
        {"targetType": "groups", "groupIds": [group]},
    ):
        sent, previewed = (town.post(path, content="Amen", **target) for path in (SEND, PREVIEW))

        for warned in (sent, previewed):
            codes = {warning["code"] for warning in warned["warnings"]}
            assert ("no-recipients" in codes) == (sender == NUMBER), target
        assert previewed["reached"] == (0 if sender == NUMBER else 1)


def test_a_conversation_shows_what_the_person_got_and_not_the_text_with_fields(town: Town) -> None:
    town.send(content="Hi {{name|friend}}, see you", targetType="contacts", contactIds=[town.ids["Ruth Ames"]])
    town.send(content="See you at ten", targetType="contacts", contactIds=[town.ids["Ruth Ames"]])

    conversation = town.client.get(f"/api/conversations/{town.ids['Ruth Ames']}", headers=town.church.bearer)

    texts = [text["content"] for text in conversation.get_json()["items"]]
    assert texts == ["See you at ten", "Hi Ruth Ames, see you"]
