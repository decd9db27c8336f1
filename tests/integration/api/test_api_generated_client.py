"""A client that is generated from the OpenAPI document sends what its caller set, and nothing else."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from api.imports import uploaded_file
from tests.harness.churches import KnownChurch

PACKAGE = "koinonia_sms_client"


class Generated:
    """The modules of the generated package, by their names in it."""

    def __init__(self, app: Flask, church: KnownChurch) -> None:
        self.client = self.module("client").AuthenticatedClient(
            base_url="http://testserver",
            token=church.key,
            raise_on_unexpected_status=True,
            httpx_args={"transport": httpx.WSGITransport(app=app)},  # the app itself, without a socket
        )
        self.models = self.module("models")

    @staticmethod
    def module(name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    def call(self, operation: str, *path: Any, **given: Any) -> Any:
        """Returns the parsed response. `operation` is tag and name, such as `messages.send_message`."""
        return self.module(f"api.{operation}").sync(*path, client=self.client, **given)


@pytest.fixture(scope="module")
def errors(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """Generates the package, which can be imported until the module ends. Returns the generator's errors."""
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_text(json.dumps(app.test_client().get("/openapi.json").get_json()))
    options = ConfigFile(post_hooks=[])
    found = generate(
        config=Config.from_sources(
            options, MetaType.NONE, document, "utf-8", overwrite=True, output_path=folder / PACKAGE
        )
    )
    sys.path.insert(0, str(folder))
    yield list(found)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def generated(errors: list[Any], app: Flask, church: KnownChurch) -> Generated:
    return Generated(app, church)


def make_schedule(client: FlaskClient, church: KnownChurch) -> UUID:
    """A schedule for two numbers, every Sunday. Its `missedRuns` are not the default."""
    body = {
        "churchId": str(church.church_id),
        "content": "Welome",
        "targetType": "numbers",
        "phoneNumbers": ["+12025550123", "+12025550124"],
        "recurrence": {"cron": "0 9 * * SUN"},
        "missedRuns": {"policy": "skip", "withinMinutes": 15},
    }
    answer = client.post("/api/schedules", json=body, headers=church.bearer)
    assert answer.status_code == 201, answer.text
    return UUID(answer.get_json()["id"])


def test_the_whole_document_can_be_generated(errors: list[Any], client: FlaskClient) -> None:
    # A bounce and a file may have several media types; the generator uses those that it knows.
    others = {"message/rfc822", *uploaded_file.MEDIA_TYPES}
    assert {error.detail for error in errors} <= {f"Unsupported content type {each}" for each in others}
    paths = client.get("/openapi.json").get_json()["paths"]
    operations = {operation["operationId"] for path in paths.values() for operation in path.values()}
    folder = Path(str(Generated.module("api").__file__)).parent
    files = {file.stem for file in folder.glob("*/*.py") if file.stem != "__init__"}
    assert files == {
        "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name) for name in operations
    }


def test_an_edit_of_the_content_changes_nothing_else(
    generated: Generated, client: FlaskClient, church: KnownChurch
) -> None:
    schedule_id = make_schedule(client, church)
    edit = generated.models.ScheduleEdit(content="Welcome")
    assert edit.to_dict() == {"content": "Welcome"}

    changed = generated.call("schedules.change_schedule", schedule_id, body=edit)

    assert changed.content == "Welcome"
    assert changed.target_type == "numbers"
    assert changed.phone_numbers == ["+12025550123", "+12025550124"]
    assert (changed.missed_runs.policy, changed.missed_runs.within_minutes) == ("skip", 15)


def test_the_client_sends_edits_and_lists(generated: Generated, church: KnownChurch) -> None:
    models = generated.models
    body = models.Composition(
        church_id=church.church_id,
        content="Service moves",
        target_type=models.CompositionTargetType.NUMBERS,
        phone_numbers=["+12025550123"],
        send_at=datetime.now(UTC) + timedelta(days=7),
    )
    accepted = generated.call("messages.send_message", body=body, idempotency_key="moves-1")
    again = generated.call("messages.send_message", body=body, idempotency_key="moves-1")
    changed = generated.call(
        "messages.change_message", accepted.id, body=models.MessageEdit(content="Service moves to 10:30")
    )
    other = generated.call("messages.send_message", body=body, idempotency_key="moves-2")
    statuses = [models.ListMessagesStatusItem.SCHEDULED, models.ListMessagesStatusItem.PAUSED]
    page = generated.call("messages.list_messages", limit=1, status=statuses)
    rest = generated.call("messages.list_messages", limit=1, status=statuses, cursor=page.next_)

    assert again.id == accepted.id
    assert (changed.content, changed.target_type) == ("Service moves to 10:30", "numbers")
    assert [item.id for item in page.items] == [other.id]
    assert [item.id for item in rest.items] == [accepted.id]


def test_contacts_are_typed(generated: Generated) -> None:
    models = generated.models
    ruth = models.NewContact(name="Ruth Bell", phone="+12025550123")

    result = generated.call("contacts.add_contacts", body=models.ContactImport(contacts=[ruth]))

    assert (result.created, result.results[0].phone) == (1, "+12025550123")
