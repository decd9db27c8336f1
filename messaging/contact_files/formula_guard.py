"""Keeps a spreadsheet from taking a text for a formula (https://owasp.org/www-community/attacks/CSV_Injection).

Exports put an apostrophe before such a text, and imports take it away again. So that every text comes back as it was,
an export also puts one before a text that already looks guarded.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def guard(text: str) -> str:
    """Return the text as a cell of CSV, where `=`, `+`, `-`, `@` at its beginning would make it a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def guard_typed(text: str) -> str:
    """Return the text as a cell that is typed as text, as in a workbook: only what looks guarded is changed."""
    return f"'{text}" if _GUARDED.match(text) else text


def unguard(text: str) -> str:
    """Return the text that `guard` or `guard_typed` was given."""
    return text[1:] if _GUARDED.match(text) else text
