"""Every alert has a section in the runbook, and every section belongs to an alert."""

from __future__ import annotations

import re

import pytest

from jobs.monitoring.alert_kinds import ALERT_KINDS, RUNBOOK
from tests.architecture.source_files import ROOT, product


def sections() -> dict[str, str]:
    page = (ROOT / RUNBOOK).read_text()
    titles = re.split(r"^### (.+)$", page.partition("## The alerts")[2], flags=re.MULTILINE)[1:]
    return dict(zip(titles[0::2], titles[1::2], strict=True))


def test_the_sections_are_those_of_the_alerts_in_their_order() -> None:
    assert list(sections()) == list(ALERT_KINDS)


@pytest.mark.parametrize("name", ALERT_KINDS)
def test_each_section_says_what_it_means_how_to_look_and_what_to_do(name: str) -> None:
    section = sections()[name]

    assert re.findall(r"^\*\*(\w+):\*\*", section, re.MULTILINE) == ["Means", "Look", "Do"]
    assert ALERT_KINDS[name].first_command in section


def test_every_alert_is_judged_by_some_check() -> None:
    checks = "".join(file.text for file in product() if re.match(r"jobs/monitoring/\w+_checks\.py", file.name))

    for name in ALERT_KINDS:
        assert re.search(rf"\b{name.upper().replace('-', '_')}\b", checks), name
