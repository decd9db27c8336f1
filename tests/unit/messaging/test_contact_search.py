"""What a search looks for."""

from __future__ import annotations

import pytest

from messaging.contact_search import folded, patterns_of


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("Ruth", ["%ruth%"]),
        ("ruth  BELL ", ["%ruth%", "%bell%"]),
        ("José García", ["%jose%", "%garcia%"]),
        ("STRASSE straße", ["%strasse%", "%strasse%"]),
        ("(202) 555-0123", ["%2025550123%"]),
        ("+1 202.555.0123", ["%12025550123%"]),
        ("001 202/555 0123", ["%12025550123%"]),
        ("0123", ["%0123%"]),
        ("ruth 0123", ["%ruth%", "%0123%"]),
        ("ruth@example.org", ["%ruth@example.org%"]),
        ("100%", [r"%100\%%"]),
        (r"a_b\%", [r"%a\_b\\\%%"]),
        ("-", ["%-%"]),
        ("  ", []),
    ],
)
def test_a_contact_contains_each_word_or_the_digits_of_a_number(text: str, patterns: list[str]) -> None:
    assert patterns_of(text) == patterns


def test_folding_removes_case_and_accents() -> None:
    assert folded("Ångström ÑANDÚ") == "angstrom nandu"
