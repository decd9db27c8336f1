"""Endpoints: the path, authentication, input and responses of each, declared in one place.

The same declaration serves requests and generates the OpenAPI document, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response
from pydantic import BaseModel

from api import authentication, csv_table, json_bodies, query_parameters
from api.authentication import Authentication, AuthenticationScheme
from api.csv_table import CsvTable
from api.problems import Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """The content of a response that is sent as a file, part by part, so that its size takes no memory."""

    media_type: str
    file_name: str
    parts: Iterator[bytes]
    """They are produced when the request has ended: they must not need it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiResponse:
    """The response that a view returns."""

    status: int
    content: BaseModel | CsvTable | Download | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """A request or response header, for the OpenAPI document. `schema` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseSpec:
    """A response that an endpoint may return, for the OpenAPI document."""

    status: int
    description: str
    content: type[BaseModel] | None = None
    headers: tuple[Header, ...] = ()
    example: Mapping[str, Any] | None = None
    has_csv: bool = False
    """Whether the content is also available as CSV."""
    text_media_type: str | None = None
    """The media type of a response that is text and not JSON, such as text/xml."""
    files: tuple[str, ...] = ()
    """The media types of the file that is the content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One method at one path, with Flask's syntax for parameters.

    The view receives keyword arguments: the path's parameters, `caller` if a key is needed, and `body` and `query` if
    they are declared. `form` and `raw` (media types) are only documented: the routes of the channels and of files read
    such bodies themselves.
    """

    view: Callable[..., ApiResponse]
    method: str
    path: str
    tag: str
    summary: str
    description: str
    authentication: Authentication
    responses: tuple[ResponseSpec, ...]
    problems: tuple[Problem, ...]
    body: type[BaseModel] | None
    form: type[BaseModel] | None
    raw: tuple[str, ...]
    query: type[BaseModel] | None
    headers: tuple[Header, ...]
    example: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return self.view.__name__


def endpoint(
    method_and_path: str,
    *,
    tag: str,
    summary: str,
    authentication: Authentication,
    responses: tuple[ResponseSpec, ...],
    problems: tuple[Problem, ...] = (),
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    raw: tuple[str, ...] = (),
    headers: tuple[Header, ...] = (),
    example: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., ApiResponse]], Endpoint]:
    """Make the decorated view an endpoint. Its docstring becomes the description in the OpenAPI document.

    `body` is parsed from JSON and validated. A body of the media types `raw` is read by the view itself. `problems` are
    those that do not follow from the rest of the declaration.
    """
    method, path = method_and_path.split(" ", 1)

    def declare(view: Callable[..., ApiResponse]) -> Endpoint:
        return Endpoint(
            view=view,
            method=method,
            path=path,
            tag=tag,
            summary=summary,
            description=_unwrapped(view.__doc__ or ""),
            authentication=authentication,
            responses=responses,
            problems=problems,
            body=body,
            form=None,
            raw=raw,
            query=query,
            headers=headers,
            example=example,
        )

    return declare


def mount(app: Flask, endpoints: Iterable[Endpoint]) -> None:
    """Add a route for each endpoint, with its declared authentication."""
    for each in endpoints:
        authentication.declare(app, each.name, each.authentication)
        app.add_url_rule(
            each.path,
            endpoint=each.name,
            view_func=_serve(each),
            methods=[each.method],
            provide_automatic_options=False,
        )


def _serve(declared: Endpoint) -> Callable[..., Response]:
    has_caller = declared.authentication.scheme is AuthenticationScheme.KEY
    body, query = declared.body, declared.query

    def serve(**arguments: Any) -> Response:
        if has_caller:
            arguments["caller"] = authentication.caller()
        if query is not None:
            arguments["query"] = query_parameters.read(query)
        if body is not None:
            arguments["body"] = json_bodies.read(body)
            if has_caller:
                authentication.confirm_caller()
        return _respond(declared.view(**arguments))

    return serve


def _respond(api_response: ApiResponse) -> Response:
    response = Response(status=api_response.status, mimetype="application/json")
    if api_response.content is None:
        del response.headers["Content-Type"]
    elif isinstance(api_response.content, Download):
        response = _file_response(api_response.content, api_response.status)
    elif isinstance(api_response.content, CsvTable):
        table = api_response.content
        response.content_type = f"{csv_table.MEDIA_TYPE}; charset=utf-8; header=present"
        response.set_data("".join(csv_table.lines(table.headings, table.rows)))
    else:
        response.set_data(api_response.content.model_dump_json(by_alias=True))
    response.headers.extend(api_response.headers)
    return response


def _file_response(download: Download, status: int) -> Response:
    """Return the response that streams the file. The first part is produced now: it may fail."""
    first = next(download.parts, b"")
    response = Response(_continued(first, download.parts), status=status, content_type=download.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{download.file_name}"'
    return response


def _continued(first: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from parts


def _unwrapped(docstring: str) -> str:
    """Return the docstring with each paragraph on one line."""
    paragraphs = docstring.strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
