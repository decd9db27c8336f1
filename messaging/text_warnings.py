"""What somebody should know about a text before it is sent: what costs more than it must, and what carriers or readers
may object to. None of it prevents the text from being sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from messaging.cheaper_text import cheaper_text, costly_characters
from messaging.link_shorteners import public_shorteners
from messaging.links import find_url_like

WarningCode = Literal["costly-characters", "public-shortener", "no-church-name", "no-opt-out", "all-caps"]

_SHOWN_CHARACTERS = 10
_LEAST_LETTERS = 20
"""Shorter texts may be in capitals: AMEN."""
_CAPITALS = 0.7
_MERGE_FIELD = re.compile(r"\{\{[^{}]*\}\}")
_OPT_OUT = re.compile(
    r"\bSTOP\b|(?i:\b(?:opt[ -]?out|unsubscribe|no more texts)\b)"
    r"|(?i:\b(?:reply|text|send|txt|respond|answer)\W{1,5}(?:\w{1,10}\W{1,5})?(?:stop|end|quit|cancel)\b)"
)
_WORD = re.compile(r"[^\W_]+")
_COMMON_WORDS = frozenset(
    {
        "a",
        "and",
        "assembly",
        "baptist",
        "bible",
        "cathedral",
        "catholic",
        "chapel",
        "christ",
        "christian",
        "church",
        "community",
        "congregation",
        "congregational",
        "episcopal",
        "evangelical",
        "fellowship",
        "first",
        "free",
        "god",
        "in",
        "international",
        "lutheran",
        "methodist",
        "ministries",
        "ministry",
        "mission",
        "of",
        "parish",
        "pentecostal",
        "presbyterian",
        "reformed",
        "saint",
        "second",
        "temple",
        "the",
        "third",
        "united",
        "worship",
    }
)
"""Words that many churches have in their names: by themselves they do not say which church writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextWarning:
    code: WarningCode
    message: str
    suggestion: str | None = None
    """A text that could be sent instead."""


def text_warnings(
    text: str, *, church_name: str, count_segments: Callable[[str], int], sample: str | None = None
) -> list[TextWarning]:
    """Returns the warnings about a text to phones, in the order in which they matter.

    `count_segments` returns the segments of a text as one recipient gets it. `sample`: the text of one recipient; None:
    the text has no merge fields.
    """
    found = (
        _costly_characters(text, count_segments),
        _public_shortener(text),
        _no_church_name(text if sample is None else sample, church_name),
        _no_opt_out(text),
        _all_caps(text),
    )
    return [warning for warning in found if warning is not None]


def _costly_characters(text: str, count_segments: Callable[[str], int]) -> TextWarning | None:
    cheaper = cheaper_text(text, count_segments=count_segments)
    if cheaper is None:
        return None
    costly = [character for character in costly_characters(text) if character.isprintable()]
    shown = " ".join(costly[:_SHOWN_CHARACTERS]) + (" …" if len(costly) > _SHOWN_CHARACTERS else "")
    before, after = count_segments(text), count_segments(cheaper)
    return TextWarning(
        code="costly-characters",
        message=(
            f"Because of these characters the text takes {_segments(before)} instead of {_segments(after)}: {shown}"
        ),
        suggestion=cheaper,
    )


def _public_shortener(text: str) -> TextWarning | None:
    hosts = public_shorteners(text)
    if not hosts:
        return None
    return TextWarning(
        code="public-shortener",
        message=(
            f"Carriers often block texts with links of {', '.join(hosts)}, because anyone can hide any address behind "
            "them. Write the whole link, and set shortenLinks if it is too long."
        ),
    )


def _no_church_name(text: str, church_name: str) -> TextWarning | None:
    """A part of the name is enough that is not common to many churches, or its initials."""
    name = _WORD.findall(church_name.casefold())
    words = set(_WORD.findall(text.casefold()))
    distinctive = [word for word in name if word not in _COMMON_WORDS and len(word) > 2] or name
    initials = "".join(word[0] for word in name)
    if not name or words.intersection(distinctive) or (len(initials) > 2 and initials in words):
        return None
    return TextWarning(
        code="no-church-name",
        message=f"The text does not say who writes: {church_name}. Readers may take it for a fraud, and carriers too.",
    )


def _no_opt_out(text: str) -> TextWarning | None:
    """CTIA Messaging Principles and Best Practices, May 2023, section 5.1.3: people are told how to opt out."""
    if _OPT_OUT.search(text):
        return None
    return TextWarning(
        code="no-opt-out",
        message=(
            "The text does not say how to get no more, such as: Reply STOP to opt out. Carriers expect that in the "
            "first text to somebody and now and then afterwards."
        ),
    )


def _all_caps(text: str) -> TextWarning | None:
    end, pieces = 0, list[str]()
    for start, url_end in find_url_like(text):
        pieces.append(text[end:start])
        end = url_end
    words = _MERGE_FIELD.sub("", "".join((*pieces, text[end:])))
    capitals, small = sum(map(str.isupper, words)), sum(map(str.islower, words))
    if capitals + small < _LEAST_LETTERS or capitals < _CAPITALS * (capitals + small):
        return None
    return TextWarning(
        code="all-caps", message="The text is in capitals. Readers take that for shouting, and spam filters for spam."
    )


def _segments(count: int) -> str:
    return "1 segment" if count == 1 else f"{count} segments"
