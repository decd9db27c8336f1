"""render.yaml: its form, and that it agrees with the Procfile and the settings.

Render publishes a JSON schema of the file at https://render.com/schema/render.yaml.json. A copy could not be had
when this was written, so the schema beside this test is NOT that one: it follows Render's reference of the fields. It
is stricter in places (it requires regions, plans and lower-case names) and knows only the fields that a service of this
product may have. What Render itself says of the file: `render blueprints validate render.yaml` (docs/deploy.md).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from settings import Settings
from tests.architecture.test_deployment import ROOT, procfile

SCHEMA = Path(__file__).with_name("render_blueprint_schema.json")


def blueprint() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "render.yaml").read_text())


def errors(document: dict[str, Any]) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text()))
    return [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(document)]


# The form.


def test_the_blueprint_has_the_form_that_render_documents() -> None:
    assert errors(blueprint()) == []


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (("services", 0), {"region": "ohoi"}),
        (("services", 0), {"maxShutdownDelaySeconds": 301}),
        (("services", 0), {"healthCheckPaht": "/"}),
        (("services", 1), {"healthCheckPath": "/"}),  # a worker has none
        (("services", 3), {"ipAllowList": None}),
        (("services", 3), {"maxmemoryPolicy": "never"}),
        (("databases", 0), {"plan": "starter"}),  # a plan of former years
        (("databases", 0), {"postgresMajorVersion": 18}),  # must be a string
        (("envVarGroups", 0), {"envVars": [{"key": "A", "sync": False}]}),  # not in a group
        (("services", 0), {"envVars": [{"key": "A", "fromService": {"type": "web", "name": "b"}}]}),  # no property
    ],
)
def test_the_schema_finds_mistakes(part: tuple[str, int], change: dict[str, Any]) -> None:
    file = blueprint()
    section, number = part
    file[section][number] |= change

    assert errors(file) != []


# What it contains.


def test_the_names_that_the_front_end_and_the_operators_know() -> None:
    services = {(service["type"], service["name"]) for service in blueprint()["services"]}

    assert {("web", "koinonia-sms-backend"), ("keyvalue", "koinoniasms-redis")} <= services


def test_everything_is_in_oregon() -> None:
    file = blueprint()

    assert {each["region"] for each in (*file["services"], *file["databases"])} == {"oregon"}


def test_redis_has_a_plan_that_keeps_its_data_on_disk() -> None:
    """Every plan but the free one does (https://render.com/docs/key-value)."""
    [redis] = [service for service in blueprint()["services"] if service["type"] == "keyvalue"]

    assert redis["plan"] != "free"


def test_render_runs_the_commands_of_the_procfile() -> None:
    commands = procfile()
    web, *others = [service for service in blueprint()["services"] if service["type"] in ("web", "worker")]
    assert web["startCommand"] == commands["web"]
    assert web["preDeployCommand"] == commands["release"]
    assert [service["startCommand"] for service in others] == [commands["worker"], commands["clock"]]


def test_render_sets_every_required_variable_and_no_unknown_one() -> None:
    group = {item["key"] for item in blueprint()["envVarGroups"][0]["envVars"]}
    needed = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()} | {"REDIS_URL"}
    for service in blueprint()["services"]:
        if service["type"] in ("web", "worker"):
            available = group | {item["key"] for item in service["envVars"] if "key" in item}
            assert needed <= available, service["name"]
            assert available - {"PYTHON_VERSION", "TZ"} <= {name.upper() for name in Settings.model_fields}, service[
                "name"
            ]


def test_every_reference_in_render_yaml_has_a_target() -> None:
    services = {(service["type"], service["name"]): service for service in blueprint()["services"]}
    databases = {database["name"] for database in blueprint()["databases"]}
    for service in services.values():
        for item in service.get("envVars", []):
            if source := item.get("fromDatabase"):
                assert source["name"] in databases
            if source := item.get("fromService"):
                other = services[source["type"], source["name"]]
                keys = {variable.get("key") for variable in other.get("envVars", [])}
                assert source.get("property") == "connectionString" or source["envVarKey"] in keys


def test_render_yaml_contains_no_values_of_service_variables() -> None:
    for service in blueprint()["services"]:
        for item in service.get("envVars", []):
            assert "value" not in item, item


def test_the_python_version_on_render_is_exact_and_has_current_security_fixes() -> None:
    """PYTHON_VERSION takes no `3.13` for the newest patch (https://render.com/docs/python-version)."""
    [version] = [item["value"] for item in blueprint()["envVarGroups"][0]["envVars"] if item["key"] == "PYTHON_VERSION"]
    assert re.fullmatch(r"3\.\d+\.\d+", version)
    assert tuple(map(int, version.split("."))) >= (3, 13, 18)


def test_redis_on_render_evicts_nothing_and_postgresql_has_the_required_version() -> None:
    [redis] = [service for service in blueprint()["services"] if service["type"] == "keyvalue"]
    assert redis["maxmemoryPolicy"] == "noeviction"
    assert redis["ipAllowList"] == []
    [database] = blueprint()["databases"]
    assert database["postgresMajorVersion"] == "18"
