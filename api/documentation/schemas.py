"""The JSON Schemas of all models that the endpoints name, each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from api.base_models import ResponseModel
from api.endpoints import Endpoint
from api.problems import ProblemDetails

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]


class _Untitled(GenerateJsonSchema):
    """Without a title for every field: its name says it."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - never
        return False


class Schemas:
    """`definitions` belong under components/schemas; `of` refers to them."""

    definitions: Json

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        models = dict.fromkeys([*_models(endpoints), ProblemDetails])
        references, everything = models_json_schema(
            [(model, _mode(model)) for model in models],
            ref_template="#/components/schemas/{model}",
            schema_generator=_Untitled,
        )
        self._references = {model: reference for (model, _), reference in references.items()}
        self.definitions = everything["$defs"]

    def of(self, model: type[BaseModel]) -> Json:
        return self._references[model]

    def query_parameters(self, endpoint: Endpoint) -> Iterable[Json]:
        """One for each field of the endpoint's query. Lists are repeated, as OpenAPI assumes unless told otherwise."""
        if endpoint.query is None:
            return
        model = endpoint.query.model_json_schema(schema_generator=_Untitled)
        for name, schema in model["properties"].items():
            left_out = {"description"} | ({"default"} if schema.get("default") is None else set[str]())
            yield {
                "name": name,
                "in": "query",
                "required": False,
                "description": schema.get("description", ""),
                "schema": {word: value for word, value in schema.items() if word not in left_out},
            }


def _models(endpoints: Sequence[Endpoint]) -> Iterable[type[BaseModel]]:
    for endpoint in endpoints:
        given = (endpoint.body, endpoint.form)
        told = (promise.content for promise in endpoint.responses)
        yield from (model for model in (*given, *told) if model is not None)


def _mode(model: type[BaseModel]) -> Mode:
    return "serialization" if issubclass(model, ResponseModel) else "validation"
