"""Generates the OpenAPI 3.1 document from the declarations of the endpoints and their models.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from api import csv_table, json_bodies, problems, request_ids
from api.authentication import AuthenticationScheme
from api.documentation.schemas import Schemas
from api.endpoints import Endpoint, Header, ResponseSpec
from api.problems import Problem, ProblemDetails

Json = dict[str, Any]

VERSION = "1.0.0"
_ABOUT = (
    "Sends text messages, picture messages and e-mails from a church to its people. You send one message; every "
    "recipient gets it once, within the hours in which the church texts people, and at the rate that the carrier "
    "allows. People who opted out do not get it.\n\n"
    "A message has one delivery for each recipient. The carrier, such as a mail server, transports the deliveries "
    "and may later send a receipt, which reports whether a delivery arrived. A delivery is in doubt (`unknown`) when "
    "it is not known whether the carrier accepted it. A long text has several segments, the unit that carriers bill "
    "and limit.\n\n"
    "Times in responses are in UTC, in RFC 3339 format. A message's `sendAt` may have an offset; without one it is a "
    "local time in the church's time zone. A schedule's `startsAt` and `endsAt` are local times without an offset, in "
    "the schedule's time zone. Ids are UUIDs. Unknown fields are refused. Repeat a request if you are not sure whether "
    "it arrived: with the same `Idempotency-Key`, a send creates one message, however often you repeat it."
)
_PATH_PART = re.compile(r"<(?:(?P<kind>\w+)(?:\(.*?\))?:)?(?P<name>\w+)>")
_PATH_SCHEMAS: Mapping[str | None, Json] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 1, "maximum": 32767},
    None: {"type": "string"},
}
_RETRY_AFTER = Header(
    name="Retry-After",
    description="How many seconds to wait before you repeat the request.",
    schema={"type": "integer", "minimum": 0},
)
_CHALLENGE = Header(name="WWW-Authenticate", description="`Bearer`, with the reason if the key was refused (RFC 6750).")
_REQUEST_ID = Header(
    name=request_ids.HEADER,
    description="The id of the request in the logs: the one that you sent, or a new one.",
    schema={"type": "string", "pattern": f"^{request_ids.SHAPE}$"},
)
_PROBLEM_HEADERS: Mapping[int, tuple[Header, ...]] = {401: (_CHALLENGE,), 429: (_RETRY_AFTER,), 503: (_RETRY_AFTER,)}


def describe(endpoints: Sequence[Endpoint], *, public_url: str) -> Json:
    """Return the document as a value that can be written as JSON."""
    schemas = Schemas(endpoints)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(_path(endpoint), {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Koinonia SMS", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": public_url.rstrip("/")}],
        "tags": [{"name": tag} for tag in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An operator creates the key. It is shown once, and only its hash is stored.",
                }
            },
        },
    }


def _path(endpoint: Endpoint) -> str:
    return _PATH_PART.sub(lambda part: "{" + to_camel(part["name"]) + "}", endpoint.path)


def _operation(endpoint: Endpoint, schemas: Schemas) -> Json:
    operation: Json = {
        "operationId": to_camel(endpoint.name),
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": endpoint.description,
        "parameters": [*_path_parameters(endpoint), *schemas.query_parameters(endpoint), *_headers(endpoint)],
        "responses": _responses(endpoint, schemas),
    }
    # The other endpoints are public, or verify a signature in a way that depends on the channel.
    needs_key = endpoint.authentication.scheme is AuthenticationScheme.KEY
    operation["security"] = [{"key": [endpoint.authentication.scope]}] if needs_key else []
    model, media_type = endpoint.body or endpoint.form, "application/json"
    if endpoint.form is not None:
        media_type = "application/x-www-form-urlencoded"
    if model is not None:
        content: Json = {"schema": schemas.of(model)}
        if endpoint.example is not None:
            content["example"] = endpoint.example
        operation["requestBody"] = {"required": not json_bodies.may_be_absent(model), "content": {media_type: content}}
    if endpoint.raw:
        operation["requestBody"] = {"required": True, "content": {each: _file_schema(each) for each in endpoint.raw}}
    return operation


def _file_schema(media_type: str) -> Json:
    file: Json = {"type": "string", "format": "binary"}
    if media_type == "multipart/form-data":
        return {"schema": {"type": "object", "properties": {"file": file}, "required": ["file"]}}
    return {"schema": file}


def _path_parameters(endpoint: Endpoint) -> Iterable[Json]:
    for part in _PATH_PART.finditer(endpoint.path):
        schema = _PATH_SCHEMAS[part["kind"]]
        yield {"name": to_camel(part["name"]), "in": "path", "required": True, "schema": schema}


def _headers(endpoint: Endpoint) -> Iterable[Json]:
    for header in endpoint.headers:
        yield {
            "name": header.name,
            "in": "header",
            "required": False,
            "description": header.description,
            "schema": header.schema,
        }


def _responses(endpoint: Endpoint, schemas: Schemas) -> Json:
    responses = {str(spec.status): _success(spec, schemas) for spec in endpoint.responses}
    by_status: dict[int, list[Problem]] = {}
    for problem in dict.fromkeys(problems_of(endpoint)):
        by_status.setdefault(problem.status, []).append(problem)
    for status, of_status in by_status.items():
        responses.setdefault(str(status), _problem(of_status, schemas))
    return dict(sorted(responses.items()))


def problems_of(endpoint: Endpoint) -> Iterable[Problem]:
    """Yield the problems that follow from the declaration, and those that it lists."""
    if endpoint.authentication.scheme is AuthenticationScheme.KEY:
        yield from (problems.NO_KEY, problems.FORBIDDEN)
    if endpoint.body is not None:
        yield problems.MALFORMED
    if endpoint.body is not None or endpoint.form is not None or endpoint.raw:
        yield from (problems.TOO_LARGE, problems.WRONG_MEDIA_TYPE)
    if endpoint.body is not None or endpoint.query is not None:
        yield problems.INVALID
    if endpoint.authentication.scheme is not AuthenticationScheme.PUBLIC:
        yield problems.UNAVAILABLE
        if endpoint.method != "GET":
            yield problems.OUTCOME_UNKNOWN
    yield from endpoint.problems
    yield problems.BROKEN


def _success(spec: ResponseSpec, schemas: Schemas) -> Json:
    response: Json = {"description": spec.description, "headers": _response_headers(*spec.headers)}
    if spec.content is not None:
        content: Json = {"schema": schemas.of(spec.content)}
        if spec.example is not None:
            content["example"] = spec.example
        response["content"] = {"application/json": content}
        if spec.has_csv:
            response["content"][csv_table.MEDIA_TYPE] = {"schema": {"type": "string"}}
    if spec.text_media_type is not None:
        response["content"] = {spec.text_media_type: {"schema": {"type": "string"}}}
    if spec.files:
        response["content"] = {each: {"schema": {"type": "string", "format": "binary"}} for each in spec.files}
    return response


def _problem(of_status: Sequence[Problem], schemas: Schemas) -> Json:
    """Return the response with one status. It may stand for several problems, which differ in `type`."""
    content: Json = {"schema": schemas.of(ProblemDetails)}
    if len(of_status) == 1:
        content["example"] = _example(of_status[0])
    else:
        content["examples"] = {
            problem.slug: {"summary": problem.title, "value": _example(problem)} for problem in of_status
        }
    return {
        "description": "; or: ".join(problem.title for problem in of_status),
        "headers": _response_headers(*_PROBLEM_HEADERS.get(of_status[0].status, ())),
        "content": {problems.MEDIA_TYPE: content},
    }


def _example(problem: Problem) -> Json:
    has_field_errors = problem is problems.INVALID
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.advice,
        "requestId": "b1f6c3a2-5d0e-4f8e-9b1a-7c2f6a4d9e10",
        "errors": [{"field": "phoneNumbers[3]", "message": "is not a phone number"}] if has_field_errors else [],
        "moreErrors": 0,
    }


def _response_headers(*headers: Header) -> Json:
    return {
        header.name: {"description": header.description, "schema": header.schema} for header in (*headers, _REQUEST_ID)
    }
