"""The digest of a request does not change between releases, nor when a model gains a field."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from api.base_models import RequestModel
from api.messages.composition import Composition, Draft, Urgency
from api.request_digest import request_digest
from api.schedules.new_schedule import MissedRuns, NewSchedule, Recurrence

CHURCH_ID = "0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11"
TO_ALL: dict[str, Any] = {"churchId": CHURCH_ID, "content": "Grüße", "targetType": "all"}
TO_NUMBERS = {**TO_ALL, "targetType": "numbers", "phoneNumbers": ["(212) 555-0123"]}
TO_CONTACTS = {**TO_ALL, "targetType": "contacts", "contactIds": [CHURCH_ID]}
MAIL = {
    **TO_ALL,
    "channel": "mail",
    "subject": "Hello",
    "targetType": "addresses",
    "emailAddresses": ["ann@example.org"],
}
URGENT = {**TO_ALL, "urgent": {"reason": "Snow."}}
BY_CRON = {**TO_ALL, "recurrence": {"cron": "0 9 * * SUN"}}
BY_RRULE = {
    **TO_ALL,
    "recurrence": {"rrule": "FREQ=WEEKLY;BYDAY=SU"},
    "startsAt": "2027-01-03T09:00:00",
    "timeZone": "America/New_York",
    "missedRuns": {"policy": "skip"},
}

AT_DEFAULT: dict[str, Any] = {"channel": "sms", "urgent": None, "emailAddresses": None}

STORED: list[tuple[type[RequestModel], dict[str, Any], str]] = [
    (Composition, TO_ALL, "6727f7f3fdbee725379f21b1849cf8c92be2630b9496e094baaf379335dcfa27"),
    (Composition, TO_ALL | AT_DEFAULT, "6727f7f3fdbee725379f21b1849cf8c92be2630b9496e094baaf379335dcfa27"),
    (Composition, URGENT, "06d788ecd7a18b6aed6885f7e81f4d910fc02cdd3c11ca2525729855be73c7d1"),
    (Composition, TO_NUMBERS, "9d82044cff684cf615ff53dfeeb97707409410455bf416f85148c9fd1e9ea95f"),
    (Composition, TO_CONTACTS, "30db0ba8ebef7cda25320bf20afd3c4d73444c91db5a035503bf52941f2b3d70"),
    (Composition, MAIL, "1aade145f646725584ea0e47f0ef74688e62906cd81981597e86141f6d982df8"),
    (NewSchedule, BY_CRON, "896afa4a09d5cecf214578085a2e03ed2dc0307eccbdde3a315df5f7e8daac8a"),
    (NewSchedule, BY_RRULE, "0dc3fff3fb5d2f2d9cda516d57a447a5699e71028e461fa56f3cd94b8d40b721"),
]


class LaterUrgency(Urgency):
    later: list[str] = Field(default_factory=list[str])


class LaterMissedRuns(MissedRuns):
    later: int = 3


class LaterRecurrence(Recurrence):
    later: str | None = None


class LaterComposition(Composition):
    later: str | None = None
    urgent: LaterUrgency | None = None  # pyright: ignore[reportIncompatibleVariableOverride]


class LaterSchedule(NewSchedule):
    later: bool = False
    urgent: LaterUrgency | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    recurrence: LaterRecurrence  # pyright: ignore[reportIncompatibleVariableOverride]
    missed_runs: LaterMissedRuns = LaterMissedRuns()  # pyright: ignore[reportIncompatibleVariableOverride]


LATER: dict[type[RequestModel], type[RequestModel]] = {Composition: LaterComposition, NewSchedule: LaterSchedule}


def digest(model: type[RequestModel], body: dict[str, Any]) -> bytes:
    return request_digest(model.model_validate_json(json.dumps(body)))


@pytest.mark.parametrize(("model", "body", "stored"), STORED)
def test_a_digest_that_a_former_release_stored_still_matches(
    model: type[RequestModel], body: dict[str, Any], stored: str
) -> None:
    assert digest(model, body).hex() == stored


@pytest.mark.parametrize(("model", "body", "stored"), STORED)
def test_fields_added_later_do_not_change_the_digest_of_a_body_without_them(
    model: type[RequestModel], body: dict[str, Any], stored: str
) -> None:
    assert digest(LATER[model], body).hex() == stored


def test_a_field_added_later_changes_the_digest_when_it_is_sent() -> None:
    assert digest(LaterComposition, TO_ALL | {"later": "x"}) != digest(LaterComposition, TO_ALL)
    assert digest(LaterSchedule, BY_CRON | {"missedRuns": {"later": 4}}) != digest(LaterSchedule, BY_CRON)


class FirstNote(RequestModel):
    digested_at_default: ClassVar[frozenset[str]] = frozenset({"colour"})

    text: str
    colour: str | None = None


class LaterNote(FirstNote):
    pages: int = 1
    labels: list[str] = Field(default_factory=list[str])


@settings(derandomize=True, database=None, deadline=None)
@given(text=st.text(), colour=st.none() | st.text(), pages=st.integers(), labels=st.lists(st.text()))
def test_only_a_later_field_that_differs_from_its_default_changes_the_digest(
    text: str, colour: str | None, pages: int, labels: list[str]
) -> None:
    before = request_digest(FirstNote.model_validate({"text": text, "colour": colour}))
    after = request_digest(LaterNote.model_validate({"text": text, "colour": colour, "pages": pages, "labels": labels}))

    assert (after == before) is ((pages, labels) == (1, []))


@pytest.mark.parametrize("model", [Draft, Composition, NewSchedule, Recurrence, MissedRuns])
def test_only_fields_of_the_model_are_digested_at_their_default(model: type[RequestModel]) -> None:
    assert model.digested_at_default <= model.model_fields.keys()
