"""The OpenAPI document laid out for people: chapters of operations, and tables of fields."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api import problems
from api.idempotency import IDEMPOTENCY_KEY
from api.problems import Problem

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a table of fields."""

    name: str
    kind: str
    required: bool
    description: str
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    paragraphs: list[str]
    scope: str | None
    parameters: list[Row]
    fields: list[Row]
    answers: list[tuple[str, str]]
    answer_fields: list[Row]
    curl: str | None


def chapters(document: Json) -> dict[str, list[Operation]]:
    """Operations by tag, in the document's order."""
    laid_out: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            laid_out[operation["tags"][0]].append(_lay_out(document, path, method, operation))
    return laid_out


def problem_rows() -> tuple[Problem, ...]:
    return problems.CATALOGUE


def _lay_out(document: Json, path: str, method: str, operation: Json) -> Operation:
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
        fields=list(_rows(document, body.get("schema"), given=True)),
        answers=[(status, answer["description"]) for status, answer in operation["responses"].items()],
        answer_fields=list(_rows(document, success.get("schema"), given=False)),
        curl=_curl(document, path, method, operation),
    )


def _first_content(part: Json) -> Json:
    contents: list[Json] = list(part.get("content", {}).values())
    return contents[0] if contents else {}


def _rows(document: Json, schema: Json | None, *, given: bool, within: str = "") -> Iterable[Row]:
    """The fields of an object, and of the objects in it: `counts.queued`, `items[].id`."""
    if schema is None:
        return
    model = _resolved(document, schema)
    for name, field in model.get("properties", {}).items():
        place = within + name
        yield Row(
            name=place,
            kind=_kind(document, field),
            required=given and name in model.get("required", ()),
            description=field.get("description", ""),
        )
        choices = [field, *field.get("anyOf", ())]
        if inner := next((choice for choice in choices if "$ref" in choice), None):
            yield from _rows(document, inner, given=given, within=f"{place}.")
        elif "$ref" in field.get("items", {}):
            yield from _rows(document, field["items"], given=given, within=f"{place}[].")


def _resolved(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


def _kind(document: Json, schema: Json) -> str:
    """`uuid`, `list of string`, `all | contacts`, `object`: a type as people say it."""
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " | ".join(str(choice) for choice in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(document, choice) for choice in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema['items'])}"
    return str(schema.get("format", schema.get("type", schema.get("title", "anything"))))


def _curl(document: Json, path: str, method: str, operation: Json) -> str | None:
    """A line to paste: only the key and the ids are to be filled in. For what has an example, or makes something."""
    example = _first_content(operation.get("requestBody", {})).get("example")
    makes = any(parameter["name"] == IDEMPOTENCY_KEY.name for parameter in operation["parameters"])
    if example is None and not makes:
        return None
    lines = [f"curl -X {method.upper()} {document['servers'][0]['url']}{path}", '-H "Authorization: Bearer $KEY"']
    if makes:
        lines.append(f'-H "{IDEMPOTENCY_KEY.name}: $(uuidgen)"')
    if example is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(example, indent=2))}")
    return " \\\n  ".join(lines)
