"""The OpenAPI document is correct: the app behaves as it describes, for generated requests of all kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID
from wsgiref.types import StartResponse, WSGIEnvironment

import hypothesis
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase
from schemathesis.config import SchemathesisConfig

from api.app import described_endpoints
from api.documentation.openapi import describe
from api.services import services
from channels.mail.bounce_route import MEDIA_TYPES
from tests.harness.churches import KnownChurch, add_contacts, create_church
from tests.integration.api.conftest import PUBLIC_URL

_CONFIG = SchemathesisConfig.from_dict(
    {
        # A well-formed request may name a number that is not in use, a contact of another church,
        # or a used idempotency key.
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "403", "404", "409", "422"]}},
        # An import with invalid contacts is accepted, and the response reports each of them.
        "operations": [
            {"include-operation-id": "addContacts", "checks": {"negative_data_rejection": {"enabled": False}}}
        ],
    }
)


_ALL_HEALTH_CHECKS = cast("list[HealthCheck]", list(HealthCheck))


@schemathesis.serializer(*MEDIA_TYPES)
def _mail(_context: schemathesis.SerializationContext, value: object) -> bytes:
    return str(value).encode()


@pytest.fixture
def known(app: Flask) -> tuple[KnownChurch, dict[str, str]]:
    """A church, and the ids of a message and a schedule of it by the names of the path parameters."""
    church = create_church(services(app).database)
    add_contacts(services(app).database, church.church_id, count=3)
    body = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all"}
    client = app.test_client()
    message = client.post("/api/messages/send", json=body, headers=church.bearer).get_json()["id"]
    plan = {**body, "recurrence": {"cron": "0 9 * * SUN"}}
    schedule = client.post("/api/schedules", json=plan, headers=church.bearer).get_json()["id"]
    return church, {"messageId": message, "scheduleId": schedule}


schema = schemathesis.openapi.from_dict(describe(described_endpoints(), public_url=PUBLIC_URL), config=_CONFIG)


def _served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The app of the running test. The cases are generated before it exists."""
    return _serving[0](environ, start_response)


_serving: list[Flask] = []
schema.app = _served


@schema.parametrize()  # pyright: ignore[reportUntypedFunctionDecorator]
@hypothesis.settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=_ALL_HEALTH_CHECKS,
)
def test_the_app_behaves_as_documented(
    app: Flask, case: schemathesis.Case[Any], known: tuple[KnownChurch, dict[str, str]]
) -> None:
    church, ids = known
    _serving[:] = [app]
    if isinstance(case.body, dict) and _is_uuid(case.body.get("churchId")):
        case.body["churchId"] = str(church.church_id)
    for place, known_id in ids.items():
        if _is_uuid(case.path_parameters.get(place)):
            case.path_parameters[place] = known_id
    case.call_and_validate(headers=church.bearer)


def _is_uuid(value: object) -> bool:
    try:
        return bool(UUID(str(value)))
    except ValueError:
        return False


def test_every_endpoint_is_described(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()

    described = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert document["openapi"] == "3.1.0"
    assert len(described) == len(described_endpoints())


def examples_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The one example, or all of the named examples."""
    return [content["example"]] if "example" in content else [each["value"] for each in content["examples"].values()]


def test_every_problem_has_an_anchor_on_the_page(client: FlaskClient) -> None:
    page = client.get("/docs")
    document = client.get("/openapi.json").get_json()
    examples = [
        example
        for path in document["paths"].values()
        for operation in path.values()
        for answer in operation["responses"].values()
        for media_type, content in answer.get("content", {}).items()
        if media_type == "application/problem+json"
        for example in examples_of(content)
    ]

    required = document["components"]["schemas"]["ProblemDetails"]["required"]
    assert examples
    assert all(f'id="{example["type"].removeprefix("/docs#")}"' in page.text for example in examples)
    assert all(set(example) == set(required) for example in examples)


def test_the_page_loads_nothing_from_other_hosts(client: FlaskClient) -> None:
    page = client.get("/docs")

    assert page.mimetype == "text/html"
    assert "<script" not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "/docs/static/documentation.css" in page.text
    assert client.get("/docs/static/documentation.css").mimetype == "text/css"
    assert client.get("/").headers["Location"] == "/docs"


# JSON Schema 2020-12 as far as it is used here, and what OpenAPI 3.1 adds to it.
_KEYWORDS = {
    *(
        "$ref",
        "type",
        "format",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "title",
        "description",
        "default",
        "examples",
    ),
    *("properties", "required", "additionalProperties", "items", "minItems", "maxItems", "uniqueItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "example"),
}


def _schemas(part: Any) -> Iterable[dict[str, Any]]:
    """Every schema in a part of the document, with nested ones."""
    if isinstance(part, list):
        for each in cast("list[Any]", part):
            yield from _schemas(each)
    elif isinstance(part, dict):
        for name, value in cast("dict[str, Any]", part).items():
            if name in ("schema", "items", "additionalProperties") and isinstance(value, dict):
                yield cast("dict[str, Any]", value)
            if name in ("anyOf", "oneOf", "allOf"):
                yield from value
            if name in ("properties", "schemas"):
                yield from value.values()
                yield from _schemas([*value.values()])
            elif name != "example":
                yield from _schemas(value)


def test_schemas_use_known_keywords_only(client: FlaskClient) -> None:
    found = list(_schemas(client.get("/openapi.json").get_json()))

    assert len(found) > 100
    assert set().union(*found) <= _KEYWORDS


def test_every_operation_documents_its_authentication(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]

    open_to_all = {
        operation["operationId"]
        for path in paths.values()
        for operation in path.values()
        if operation["security"] == []  # a KeyError where it is missing: readers would guess
    }
    assert open_to_all == {"takeSmsReceipt", "takeMmsReceipt", "takeBounce", "takeInboundSms", "live", "ready"}


def test_no_field_of_an_edit_has_a_default(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").get_json()["components"]["schemas"]
    edits = {name: schema for name, schema in schemas.items() if name.endswith("Edit")}

    assert set(edits) == {
        "ContactEdit",
        "GroupEdit",
        "MessageEdit",
        "ScheduleEdit",
        "MissedRunsEdit",
        "TemplateEdit",
    }
    for schema in edits.values():
        assert not [name for name, field in schema["properties"].items() if "default" in field]


@pytest.mark.parametrize("action", ["retry-failed", "pause"])
def test_a_body_without_required_fields_can_be_omitted(
    client: FlaskClient, known: tuple[KnownChurch, dict[str, str]], action: str
) -> None:
    church, ids = known
    path = f"/api/messages/{ids['messageId']}" if action == "retry-failed" else f"/api/schedules/{ids['scheduleId']}"

    assert client.post(f"{path}/{action}", headers=church.bearer).status_code == 200
    wrong = client.post(f"{path}/{action}", headers=church.bearer, data=b"x=1", content_type="text/plain")
    assert wrong.status_code == 415
