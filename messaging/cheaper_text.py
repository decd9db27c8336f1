"""The same text in characters that cost less: those of GSM 7-bit (3GPP TS 23.038) instead of UCS-2.

One character outside of GSM 7-bit, such as a curly quote, makes all segments of a text hold 67 characters instead of
153, and so doubles its price.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from smsutil.codecs import GSM_CHARSET  # pyright: ignore

from messaging.links import find_url_like

REPLACEMENTS: Mapping[str, str] = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u00b4\u02bc\u2039\u203a\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u2036\uff02", '"'),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff", ""),
    **dict.fromkeys("\u00a0\u1680\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t", " "),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\uff0d", "-"),
    **dict.fromkeys("\u2022\u2023\u25aa\u25cf\u25e6\u2219", "*"),
    **dict.fromkeys("\u2028\u2029\u0085", "\n"),
    "`": "'",
    "\u2026": "...",
    "\u00b7": "-",
    "\u00b0": "",
    "\u00b6": "",
    "\u00a6": "|",
    "\u00a2": "c",
    "\u00a9": "(c)",
    "\u00ae": "(R)",
    "\u2122": "(TM)",
    "\u2120": "(SM)",
    "\u00d7": "x",
    "\u00f7": "/",
    "\u2044": "/",
    "\u2190": "<-",
    "\u2192": "->",
    "\u00b2": "2",
    "\u00b3": "3",
    "\u00b9": "1",
    "\u00aa": "a",
    "\u00ba": "o",
    "\u0152": "OE",
    "\u0153": "oe",
    "\u0141": "L",
    "\u0142": "l",
    "\u0131": "i",
    "\u00d0": "D",
    "\u00f0": "d",
    "\u00de": "Th",
    "\u00fe": "th",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2248": "~",
    "\u2260": "not =",
}
"""Characters that GSM 7-bit lacks, each with what people take for the same."""

_GSM: frozenset[str] = frozenset(GSM_CHARSET)  # pyright: ignore
_EMOJI = (
    "[\u200d\ufe0e\ufe0f\u20e3\u2139\u203c\u2049\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf"
    "\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)
_EMOJI_WITH_SPACE = re.compile(f"(?m:^{_EMOJI}+ ?)| ?{_EMOJI}+")


def uses_ucs2(text: str) -> bool:
    """Returns whether the text has a character that is not in GSM 7-bit, so that all of it costs more."""
    return not _GSM.issuperset(text)


def costly_characters(text: str) -> list[str]:
    """Returns the characters of a text that are not in GSM 7-bit, each once, in their order."""
    return [character for character in dict.fromkeys(text) if uses_ucs2(character)]


def cheaper_text(text: str, *, count_segments: Callable[[str], int]) -> str | None:
    """Returns a text that says the same in fewer segments; None if there is none.

    Quotes, dashes and spaces become plain ones, accents that GSM 7-bit lacks are left out, and so are emoji. URLs stay,
    and so do letters of other scripts. `count_segments` returns the segments of a text, for example of a recipient's.
    """
    cheaper = _outside_urls(text, _plain)
    if cheaper == text or cheaper.count("{{") != text.count("{{") or not cheaper.strip():
        return None
    if count_segments(cheaper) >= count_segments(text):
        return None
    return cheaper


def _outside_urls(text: str, change: Callable[[str], str]) -> str:
    pieces: list[str] = []
    end = 0
    for start, url_end in find_url_like(text):
        pieces += (change(text[end:start]), text[start:url_end])
        end = url_end
    return "".join((*pieces, change(text[end:])))


def _plain(text: str) -> str:
    text = "".join(REPLACEMENTS.get(character, character) if uses_ucs2(character) else character for character in text)
    text = _EMOJI_WITH_SPACE.sub(_without_emoji, text)
    return "".join(_without_accent(character) if uses_ucs2(character) else character for character in text)


def _without_emoji(found: re.Match[str]) -> str:
    """Characters of the range that are in GSM 7-bit stay; there are none today."""
    return "" if all(map(uses_ucs2, found[0].strip(" "))) else found[0]


def _without_accent(character: str) -> str:
    """Returns a letter without its accents, if that is in GSM 7-bit; else the character itself."""
    parts = unicodedata.normalize("NFKD", character)
    base = "".join(REPLACEMENTS.get(part, part) for part in parts if not unicodedata.combining(part))
    return character if uses_ucs2(base) else base
