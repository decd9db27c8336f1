"""The JSON Schemas of the models of all endpoints."""

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
    """Omits the title of each field, which only repeats its name."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - no field needs one
        return False


class Schemas:
    """`definitions` are the schemas for components/schemas. `of` returns a reference to one of them."""

    definitions: Json

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        models = dict.fromkeys([*_models(endpoints), ProblemDetails])
        references, generated = models_json_schema(
            [(model, _mode(model)) for model in models],
            ref_template="#/components/schemas/{model}",
            schema_generator=_Untitled,
        )
        self._references = {model: reference for (model, _), reference in references.items()}
        self.definitions = generated["$defs"]

    def of(self, model: type[BaseModel]) -> Json:
        return self._references[model]

    def query_parameters(self, endpoint: Endpoint) -> Iterable[Json]:
        """Yield a parameter for each field of the endpoint's query. Lists are repeated, which is OpenAPI's default."""
        if endpoint.query is None:
            return
        model = endpoint.query.model_json_schema(schema_generator=_Untitled)
        for name, schema in model["properties"].items():
            omitted = {"description"} | ({"default"} if schema.get("default") is None else set[str]())
            yield {
                "name": name,
                "in": "query",
                "required": False,
                "description": schema.get("description", ""),
                "schema": {word: value for word, value in schema.items() if word not in omitted},
            }


def _models(endpoints: Sequence[Endpoint]) -> Iterable[type[BaseModel]]:
    for endpoint in endpoints:
        request_models = (endpoint.body, endpoint.form)
        response_models = (spec.content for spec in endpoint.responses)
        yield from (model for model in (*request_models, *response_models) if model is not None)


def _mode(model: type[BaseModel]) -> Mode:
    return "serialization" if issubclass(model, ResponseModel) else "validation"
