"""Every file that the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.source_files import ROOT

DESCRIPTIONS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
"""The pages that describe the code as it is now. Decision notes and the changelog may name what has gone since."""
PAGES = sorted([*DESCRIPTIONS, *(ROOT / "docs" / "decisions").glob("*.md")])
FOLDERS = (
    "api",
    "bin",
    "channels",
    "docs",
    "jobs",
    "messaging",
    "metrics",
    "processes",
    "requirements",
    "store",
    "tests",
    "tools",
)


def test_every_test_that_the_security_page_names_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`((?:integration|unit|architecture)/[\w/.]*)`", page)

    assert len(named) > 15
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DESCRIPTIONS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_in_backticks_exists(page: Path) -> None:
    named = paths_in_backticks(page.read_text())
    # The security page names tests without the folder that all of them are in.
    missing = [path for path in named if not (ROOT / path).exists() and not (ROOT / "tests" / path).exists()]

    assert missing == []


def test_paths_are_found_in_backticks() -> None:
    page = (
        "`bin/test tests/unit`, `settings.py`, `store/queries/*.sql`, `/api/messages`, `old/`, `jobs/NAME.py`, `var/x/`"
    )

    assert paths_in_backticks(page) == ["bin/test", "tests/unit", "settings.py", "store/queries", "old/"]


def paths_in_backticks(page: str) -> list[str]:
    """Returns the project's paths that stand in backticks, without wildcards and what follows them."""
    words = [word for code in re.findall(r"`([^`\n]+)`", page) for word in code.split()]
    in_a_folder = [word for word in words if word.split("/")[0] in FOLDERS and "/" in word]
    folders = [word for word in words if re.fullmatch(r"[a-z][\w.-]*(/[\w.-]+)*/", word)]
    at_the_top = [word for word in words if re.fullmatch(r"(?!__)[\w.-]+\.(py|toml|yaml)|Procfile|[A-Z]+\.md", word)]
    named = [re.sub(r"(::|/?\*).*", "", word) for word in words if word in {*in_a_folder, *folders, *at_the_top}]
    return [path for path in named if not re.match(r"var/|.*N(AME|NNN)", path)]  # made by bin/run, or placeholders


def test_decision_notes_are_numbered_without_gaps_or_repetition() -> None:
    notes = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))

    assert [int(note.name[:4]) for note in notes] == list(range(1, len(notes) + 1))
    for number, note in enumerate(notes, 1):
        assert note.read_text().startswith(f"# {number}. "), note.name
