"""What a search for contacts looks for."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"[\s+()./-]*(\d[\s+()./-]*)+", re.ASCII)
_SPECIAL = re.compile(r"([\\%_])")


def patterns_of(text: str) -> list[str]:
    """Returns the patterns for LIKE that a contact must contain: one for each word, without case and accents.

    A number in any usual form, such as `(202) 555-0123` or its last digits, is one pattern of its digits.
    """
    words = [re.sub(r"\D", "", text).removeprefix("00")] if _NUMBER.fullmatch(text) else folded(text).split()
    return ["%" + _SPECIAL.sub(r"\\\1", word) + "%" for word in words]


def folded(text: str) -> str:
    """Returns the text without case, and without the accents of Latin letters."""
    decomposed = unicodedata.normalize("NFD", text)
    return re.sub("[\u0300-\u036f]", "", decomposed).casefold()
