"""The page of metrics, the dashboard and the alert rules name metrics, labels and values that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
import pytest
import yaml
from promql_parser import AggModifierType, AggregateExpr, Expr, MatchOp, VectorSelector

from channels.registry import CHANNELS
from jobs.clock.ticks import TICKS
from jobs.job_queue.job_kinds import JOBS
from jobs.job_queue.queues import ANALYTICS
from messaging.states import Status
from messaging.submissions import ResultKind
from metrics.definitions import METRICS
from metrics.label_values import MESSAGE_SOURCES
from tests.architecture.source_files import ROOT

RULES_FILE = ROOT / "deploy" / "prometheus-alerts.yml"
DASHBOARD_FILE = ROOT / "deploy" / "grafana-dashboard.json"
PAGE = (ROOT / "docs" / "metrics.md").read_text()
SERIES = {
    name: metric
    for metric in METRICS
    for name in (
        [metric.name]
        if metric.kind != "histogram"
        else [f"{metric.name}_bucket", f"{metric.name}_count", f"{metric.name}_sum"]
    )
}
VALUES = {
    "channel": set(CHANNELS),
    "from": {*Status, "none"},
    "to": {*Status, "none"},
    "result": set(ResultKind) - {ResultKind.UNSUBMITTED},
    "source": set(MESSAGE_SOURCES),
    "queue": {*CHANNELS, ANALYTICS},
    "job": {kind.name for kind in JOBS},
    "outcome": {"succeeded", "failed"},
    "tick": {tick.kind.name for tick in TICKS},
    "server": {"redis", "postgresql"},
}
"""The values of labels that have few. `status` is that of a delivery or the class of an HTTP status."""
STATUSES = {"koinonia_request_seconds": {f"{digit}xx" for digit in range(1, 6)}}


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and where it is."""

    place: str
    text: str

    def __str__(self) -> str:
        return self.place


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES_FILE.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD_FILE.read_text())["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    for rule in rules():
        yield Query(rule["alert"], rule["expr"])
    for panel in panels():
        for target in panel["targets"]:
            yield Query(panel["title"], target["expr"].replace("$__rate_interval", "5m"))


def selectors(expression: Expr) -> list[VectorSelector]:
    found: list[VectorSelector] = []

    def visit(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            found.append(node)

    promql_parser.walk(expression, pre_visit=visit)
    return found


def aggregations(expression: Expr) -> list[AggregateExpr]:
    found: list[AggregateExpr] = []

    def visit(node: Expr) -> None:
        if isinstance(node, AggregateExpr):
            found.append(node)

    promql_parser.walk(expression, pre_visit=visit)
    return found


def labels_of(name: str) -> set[str]:
    return {*SERIES[name].labels, *(["le"] if name.endswith("_bucket") else [])}


every_query = pytest.mark.parametrize("query", list(queries()), ids=str)


@every_query
def test_every_metric_and_label_that_a_query_names_exists(query: Query) -> None:
    expression = promql_parser.parse(query.text)

    named = selectors(expression)
    assert named
    for selector in named:
        assert selector.name in SERIES
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels_of(selector.name)
    for aggregation in aggregations(expression):
        if aggregation.modifier is not None:
            assert aggregation.modifier.type == AggModifierType.By
            for selector in selectors(aggregation.expr):
                assert set(aggregation.modifier.labels) <= labels_of(selector.name or "")


@every_query
def test_every_label_value_that_a_query_names_exists(query: Query) -> None:
    """A mistyped value would select nothing, so that an alert would never fire."""
    for selector in selectors(promql_parser.parse(query.text)):
        metric = SERIES[selector.name or ""]
        for matcher in selector.matchers.matchers:
            is_pattern = matcher.op in (MatchOp.Re, MatchOp.NotRe)
            values = set(matcher.value.split("|")) if is_pattern else {matcher.value}
            known = STATUSES.get(metric.name, set(Status)) if matcher.name == "status" else VALUES.get(matcher.name)
            assert known is None or values <= known, matcher


@every_query
def test_a_counter_is_read_as_a_rate_and_a_gauge_is_not(query: Query) -> None:
    for selector in selectors(promql_parser.parse(query.text)):
        of_rate = rf"(rate|increase)\({selector.name}(\{{[^}}]*\}})?\["
        is_counter = SERIES[selector.name or ""].kind != "gauge"
        assert bool(re.search(of_rate, query.text)) == is_counter, selector.name


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "description"}
    if "for" in rule:
        assert promql_parser.parse_duration(rule["for"])
    expression = promql_parser.parse(rule["expr"])
    grouped = [each.modifier.labels for each in aggregations(expression) if each.modifier is not None]
    kept = {label for labels in grouped for label in labels} - {"le"}
    if not aggregations(expression):
        kept = {label for each in selectors(expression) for label in labels_of(each.name or "")}
    used = set(re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())))
    assert used <= kept
    assert rule["alert"] in PAGE


def test_rules_and_panels_have_names_of_their_own() -> None:
    alerts = [rule["alert"] for rule in rules()]
    titles = [panel["id"] for panel in json.loads(DASHBOARD_FILE.read_text())["panels"]]

    assert len(set(alerts)) == len(alerts) > 20
    assert len(set(titles)) == len(titles) > 20


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    shown = {SERIES[each.name or ""].name for query in queries() for each in selectors(promql_parser.parse(query.text))}

    assert shown == {metric.name for metric in METRICS}


def test_the_page_describes_every_metric_with_its_labels() -> None:
    rows = re.findall(r"^\| `(koinonia_\w+)` \| (\w+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    described = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}

    assert described == {metric.name: (metric.kind, metric.labels) for metric in METRICS}


def test_prometheus_own_tool_accepts_the_rules_where_it_is_installed() -> None:
    """The parser above is another implementation, which runs everywhere."""
    if (promtool := shutil.which("promtool")) is not None:
        checked = subprocess.run(
            (promtool, "check", "rules", str(RULES_FILE)), capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {group["name"] for group in yaml.safe_load(RULES_FILE.read_text())["groups"]} >= {"koinonia-sending"}
    assert promql_parser.parse(rules()[0]["expr"])
