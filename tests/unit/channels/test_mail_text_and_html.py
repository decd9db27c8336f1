"""Both parts of a mail come from one text, which is escaped in HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from channels.mail.text_and_html import html_part, text_part

UNSUBSCRIBE = "https://texts.example.org/unsubscribe/token"


def html(content: str, *, subject: str = "Hello", sender: str = "Grace") -> str:
    return html_part(content, subject=subject, sender=sender, unsubscribe=UNSUBSCRIBE)


def text(content: str, *, sender: str = "Grace") -> str:
    return text_part(content, sender=sender, unsubscribe=UNSUBSCRIBE)


def visible_words(page: str) -> list[str]:
    """The words of the page, with the URL of a link where its text differs."""
    body = page.partition("<body")[2].partition(">")[2]
    body = re.sub(r'<a href="([^"]*)">(.*?)</a>', lambda a: a[2] if a[1] == a[2] else f"{a[2]}: {a[1]}", body)
    return unescape(re.sub(r"<[^>]+>", " ", body)).split()


@pytest.mark.parametrize(
    "content",
    [
        "See you on Sunday.",
        "Dear all,\n\nservice is at 10:30.\nBring a friend!\n\n\n\nGrace",
        "Map: https://example.org/map?a=1&b=2 (or https://example.org/x).",
        "5 < 6 & 7 > 2, \"quoted\" and 'quoted' — Grüße 🥧",
        "<script>alert(1)</script>",
        "windows\r\nline\r\n\r\nends",
        "שלום לכולם",
    ],
)
def test_both_parts_have_the_same_text(content: str) -> None:
    assert visible_words(html(content)) == [word for word in text(content).split() if word != "--"]


def test_blank_lines_separate_paragraphs_and_other_breaks_stay() -> None:
    page = html("One\ntwo\n \n\nthree")

    assert re.findall(r"<p style=\"margin:0 0 16px\">(.*?)</p>", page, re.DOTALL) == ["One<br>\ntwo", "three"]


@pytest.mark.parametrize(
    ("written", "links"),
    [
        ("at https://example.org.", ["https://example.org"]),
        ("(see https://example.org/a)", ["https://example.org/a"]),
        ("https://en.wikipedia.org/wiki/Grace_(given_name)", ["https://en.wikipedia.org/wiki/Grace_(given_name)"]),
        ("https://a.example.org, http://b.example.org!", ["https://a.example.org", "http://b.example.org"]),
        ("javascript:alert(1) ftp://example.org", []),
        ('https://example.org/"onmouseover="x', ["https://example.org/"]),
        ("https://example.org/?a=1&b=<i>", ["https://example.org/?a=1&b="]),
    ],
)
def test_only_urls_become_links(written: str, links: list[str]) -> None:
    found = [unescape(link) for link in re.findall(r'<a href="([^"]*)"', html(written))]

    assert found == [*links, UNSUBSCRIBE]


@pytest.mark.parametrize("where", ["content", "subject", "sender"])
def test_all_text_is_escaped(where: str) -> None:
    evil = "<img src=x onerror=alert(1)>&\"'"
    page = html(**{"content": "x", where: f"{evil} https://example.org/{evil} {evil}"})

    assert "<img" not in page
    assert "&lt;img" in page


@pytest.mark.parametrize("part", [html, text])
def test_both_parts_name_the_sender_and_the_unsubscribe_link(part: Callable[..., str]) -> None:
    written = part("x", sender="Grace Community")

    assert "Grace Community sent you this mail." in written
    assert UNSUBSCRIBE in written
