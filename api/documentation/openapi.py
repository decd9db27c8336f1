"""The OpenAPI 3.1 document, written from the endpoints' own declarations and the models they use.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from api import json_bodies, problems, request_ids
from api.authentication import AuthenticationScheme
from api.documentation.schemas import Schemas
from api.endpoints import Endpoint, Header, ResponseSpec
from api.problems import Problem, ProblemDetails

Json = dict[str, Any]

VERSION = "1.0.0"
_ABOUT = (
    "Texts from a church to its people. Write one message: everyone it is for is reached once, at the right hour, at "
    "the speed the carrier allows, and those who opted out are left in peace.\n\n"
    "Times in answers are RFC 3339 in UTC. A message's `sendAt` may be given with an offset, or without one: then it "
    "is local time in the church's time zone. A schedule's `startsAt` and `endsAt` are local times without an offset, "
    "in the schedule's time zone. Ids are UUIDs. Fields that are not described here are refused. A request "
    "may be repeated at any moment: with an `Idempotency-Key` a send makes one message, however often it is repeated."
)
_PATH_PART = re.compile(r"<(?:(?P<kind>\w+)(?:\(.*?\))?:)?(?P<name>\w+)>")
_PATH_SCHEMAS: Mapping[str | None, Json] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 1, "maximum": 32767},
    None: {"type": "string"},
}
_RETRY_AFTER = Header(name="Retry-After", description="Seconds to wait.", schema={"type": "integer", "minimum": 0})
_CHALLENGE = Header(name="WWW-Authenticate", description="`Bearer`, and why (RFC 6750).")
_REQUEST_ID = Header(
    name=request_ids.HEADER,
    description="The request's name in our logs: your own when you sent one, else a new one.",
    schema={"type": "string", "pattern": f"^{request_ids.SHAPE}$"},
)
_PROBLEM_HEADERS: Mapping[int, tuple[Header, ...]] = {401: (_CHALLENGE,), 429: (_RETRY_AFTER,), 503: (_RETRY_AFTER,)}


def describe(endpoints: Sequence[Endpoint], *, public_url: str) -> Json:
    """The whole document, ready for JSON."""
    schemas = Schemas(endpoints)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(_address(endpoint), {})[endpoint.method.lower()] = _operation(endpoint, schemas)
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
                    "description": "An operator makes a church's key. It is shown once, and kept only as a hash.",
                }
            },
        },
    }


def _address(endpoint: Endpoint) -> str:
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
    # Without a key: open, or guarded by a signature that each channel makes in its own way.
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
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(endpoint.raw, binary)}
    return operation


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
    responses = {str(promise.status): _promised(promise, schemas) for promise in endpoint.responses}
    by_status: dict[int, list[Problem]] = {}
    for problem in dict.fromkeys(problems_of(endpoint)):
        by_status.setdefault(problem.status, []).append(problem)
    for status, of_status in by_status.items():
        responses.setdefault(str(status), _refusal(of_status, schemas))
    return dict(sorted(responses.items()))


def problems_of(endpoint: Endpoint) -> Iterable[Problem]:
    """What the declaration itself brings, and what is declared beyond."""
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


def _promised(promise: ResponseSpec, schemas: Schemas) -> Json:
    response: Json = {"description": promise.description, "headers": _answered(*promise.headers)}
    if promise.content is not None:
        content: Json = {"schema": schemas.of(promise.content)}
        if promise.example is not None:
            content["example"] = promise.example
        response["content"] = {"application/json": content}
    return response


def _refusal(of_status: Sequence[Problem], schemas: Schemas) -> Json:
    """The answer with one status, whichever problem it stands for: `type` tells them apart."""
    content: Json = {"schema": schemas.of(ProblemDetails)}
    if len(of_status) == 1:
        content["example"] = _example(of_status[0])
    else:
        content["examples"] = {
            problem.slug: {"summary": problem.title, "value": _example(problem)} for problem in of_status
        }
    return {
        "description": "; or: ".join(problem.title for problem in of_status),
        "headers": _answered(*_PROBLEM_HEADERS.get(of_status[0].status, ())),
        "content": {problems.MEDIA_TYPE: content},
    }


def _example(problem: Problem) -> Json:
    wrong = problem is problems.INVALID
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.advice,
        "requestId": "b1f6c3a2-5d0e-4f8e-9b1a-7c2f6a4d9e10",
        "errors": [{"field": "phoneNumbers[3]", "message": "is not a phone number"}] if wrong else [],
        "moreErrors": 0,
    }


def _answered(*headers: Header) -> Json:
    return {
        header.name: {"description": header.description, "schema": header.schema} for header in (*headers, _REQUEST_ID)
    }
