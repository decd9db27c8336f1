"""Arranges the OpenAPI document for the page at /docs: operations by tag, with tables of their fields."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.idempotency import IDEMPOTENCY_KEY

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a table of fields or parameters."""

    name: str
    kind: str
    required: bool
    description: str
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One endpoint on the page."""

    anchor: str
    method: str
    path: str
    summary: str
    paragraphs: list[str]
    scope: str | None
    parameters: list[Row]
    fields: list[Row]
    responses: list[tuple[str, str]]
    response_fields: list[Row]
    curl: str | None


def operations_by_tag(document: Json) -> dict[str, list[Operation]]:
    """Return the operations by tag, in the order of the document."""
    operations: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operations[operation["tags"][0]].append(_operation(document, path, method, operation))
    return operations


def _operation(document: Json, path: str, method: str, operation: Json) -> Operation:
    security = operation.get("security")
    body = _first_content(operation.get("requestBody", {}))
    success = _first_content(next(iter(operation["responses"].values())))
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        paragraphs=operation["description"].split("\n\n"),
        scope=security[0]["key"][0] if security else None,
        parameters=[
            Row(
                name=parameter["name"],
                kind=_kind(document, parameter["schema"]),
                required=parameter["required"],
                description=parameter.get("description", ""),
                where=parameter["in"],
            )
            for parameter in operation["parameters"]
        ],
        fields=list(_rows(document, body.get("schema"), is_request=True)),
        responses=[(status, response["description"]) for status, response in operation["responses"].items()],
        response_fields=list(_rows(document, success.get("schema"), is_request=False)),
        curl=_curl(document, path, method, operation),
    )


def _first_content(part: Json) -> Json:
    contents: list[Json] = list(part.get("content", {}).values())
    return contents[0] if contents else {}


def _rows(document: Json, schema: Json | None, *, is_request: bool, within: str = "") -> Iterable[Row]:
    """Yield the fields of an object, and of the objects in it: `counts.queued`, `items[].id`."""
    if schema is None:
        return
    model = _resolved(document, schema)
    for name, field in model.get("properties", {}).items():
        place = within + name
        yield Row(
            name=place,
            kind=_kind(document, field),
            required=is_request and name in model.get("required", ()),
            description=field.get("description", ""),
        )
        choices = [field, *field.get("anyOf", ())]
        if inner := next((choice for choice in choices if "$ref" in choice), None):
            yield from _rows(document, inner, is_request=is_request, within=f"{place}.")
        elif "$ref" in field.get("items", {}):
            yield from _rows(document, field["items"], is_request=is_request, within=f"{place}[].")


def _resolved(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


def _kind(document: Json, schema: Json) -> str:
    """Return the type in words: `uuid`, `list of string`, `all | contacts`, `object`."""
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " | ".join(str(choice) for choice in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(document, choice) for choice in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema['items'])}"
    return str(schema.get("format", schema.get("type", schema.get("title", "anything"))))


def _curl(document: Json, path: str, method: str, operation: Json) -> str | None:
    """Return an example command, in which only the key and the ids are missing.

    None for an operation without an example body that accepts no Idempotency-Key.
    """
    example = _first_content(operation.get("requestBody", {})).get("example")
    takes_idempotency_key = any(parameter["name"] == IDEMPOTENCY_KEY.name for parameter in operation["parameters"])
    if example is None and not takes_idempotency_key:
        return None
    lines = [f"curl -X {method.upper()} {document['servers'][0]['url']}{path}", '-H "Authorization: Bearer $KEY"']
    if takes_idempotency_key:
        lines.append(f'-H "{IDEMPOTENCY_KEY.name}: $(uuidgen)"')
    if example is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(example, indent=2))}")
    return " \\\n  ".join(lines)
