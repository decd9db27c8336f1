"""Renders the text that the church wrote as the two parts of a mail: plain text and HTML."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_AFTER_LINK = ".,;:!?'*_"
"""Characters after a URL in a sentence that are not part of it."""
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")

_PAGE = """\
<!DOCTYPE html>
<html dir="auto">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{subject}</title>
</head>
<body style="margin:0;padding:24px 16px">
<div role="article" dir="auto" style="max-width:600px;margin:0 auto;\
font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:17px;line-height:1.6">
{paragraphs}
<p style="margin:32px 0 0;padding:16px 0 0;border-top:1px solid #8a8a8a;font-size:14px;line-height:1.5">
{sender} sent you this mail.<br>
<a href="{unsubscribe}">Unsubscribe</a>
</p>
</div>
</body>
</html>
"""


def text_part(content: str, *, sender: str, unsubscribe: str) -> str:
    """The text as it was written, with the sender and the link to unsubscribe below it."""
    return f"{_with_plain_lines(content)}\n\n-- \n{sender} sent you this mail.\nUnsubscribe: {unsubscribe}\n"


def html_part(content: str, *, subject: str, sender: str, unsubscribe: str) -> str:
    """The same as HTML that suits every mail reader, including screen readers and narrow screens."""
    return _PAGE.format(
        subject=escape(subject),
        paragraphs=_paragraphs(content),
        sender=escape(sender),
        unsubscribe=escape(unsubscribe),
    )


@lru_cache(maxsize=64)
def _paragraphs(content: str) -> str:
    """Blank lines separate paragraphs, other line breaks are kept; everything in the text is escaped."""
    blocks = _BLANK_LINES.split(_with_plain_lines(content))
    return "\n".join(f'<p style="margin:0 0 16px">{_lines(block)}</p>' for block in blocks)


def _lines(block: str) -> str:
    return "<br>\n".join(_linked(line) for line in block.split("\n"))


def _linked(line: str) -> str:
    shown, position = list[str](), 0
    for found in _LINK.finditer(line):
        address = _trimmed(found[0])
        shown.append(escape(line[position : found.start()]))
        shown.append(f'<a href="{escape(address)}">{escape(address)}</a>')
        position = found.start() + len(address)
    return "".join(shown) + escape(line[position:])


def _trimmed(address: str) -> str:
    """The URL without the punctuation after it. A closing bracket stays if its opening one is in the URL.

    Takes one pass, however many brackets there are.
    """
    end, unopened = len(address), address.count(")") - address.count("(")
    while end:
        if address[end - 1] == ")" and unopened > 0:
            unopened -= 1
        elif address[end - 1] not in _AFTER_LINK:
            break
        end -= 1
    return address[:end]


def _with_plain_lines(content: str) -> str:
    return content.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
