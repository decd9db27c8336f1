"""Which URLs of a text are shortened, and what becomes of the text around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.links import (
    SAMPLE_CODE,
    ShortLinks,
    find_urls,
    host_of,
    looks_like_code,
    new_code,
    restore,
)

LINKS = ShortLinks.of_service(base_url="https://s.example", public_url="https://texts.example.org/koinonia")
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            [
                "https://grace.example.org/a",
                "http://grace.example.org/b?c=d",
                "https://s.example/l/222222222222",
                "HTTPS://",
                "https://x.org/{{id}}",
                " ",
                "(",
                ").",
            ]
        ),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("https://grace.example.org", ["https://grace.example.org"]),
        ("See http://grace.example.org/supper?a=1&b=2#menu now", ["http://grace.example.org/supper?a=1&b=2#menu"]),
        ("HTTPS://Grace.Example.ORG/Supper", ["HTTPS://Grace.Example.ORG/Supper"]),
        ("Sign up: https://a.org/b.", ["https://a.org/b"]),
        ("Really? https://a.org/b?!", ["https://a.org/b"]),
        ("(see https://a.org/b)", ["https://a.org/b"]),
        ("(see https://a.org/b_(c))", ["https://a.org/b_(c)"]),
        ("[https://a.org/b],", ["https://a.org/b"]),
        ('"https://a.org/b"', ["https://a.org/b"]),
        ("\N{LEFT DOUBLE QUOTATION MARK}https://a.org/b\N{RIGHT DOUBLE QUOTATION MARK}", ["https://a.org/b"]),
        ("<https://a.org/b>", ["https://a.org/b"]),
        ("https://a.org/b\N{HORIZONTAL ELLIPSIS}", ["https://a.org/b"]),
        ("https://a.org/b\N{SMILING FACE WITH SMILING EYES}", ["https://a.org/b"]),
        (
            "https://a.org/caf\N{LATIN SMALL LETTER E WITH ACUTE}",
            ["https://a.org/caf\N{LATIN SMALL LETTER E WITH ACUTE}"],
        ),
        ("https://a.org/b\nhttps://c.org", ["https://a.org/b", "https://c.org"]),
        ("https://a.org/b,https://c.org", ["https://a.org/b,https://c.org"]),
        ("https://a.org:8443/b", ["https://a.org:8443/b"]),
        ("https://[2001:db8::1]/b", ["https://[2001:db8::1]/b"]),
        # Not a URL, or not one that a short link may lead to.
        ("javascript:alert(1)", []),
        ("data:text/html,x", []),
        ("javascript:https://a.org", ["https://a.org"]),
        ("ftp://a.org/b", []),
        ("www.grace.example.org", []),
        ("seehttps://a.org/b", []),
        ("https://", []),
        ("https://.", []),
        ("https:///b", []),
        ("https://user:password@a.org/b", []),
        ("https://a.org@evil.example/", []),
        ("https://a.org:99999999/b", []),
        ("https://[bad/b", []),
        ("https://a..org/b", []),
        ("https://" + "a" * 64 + ".org/b", []),
        # A merge field is filled in for each recipient, so each has a URL of its own.
        ("https://a.org/{{id}}", []),
        ("https://a.org/?who={{id}}&b=c", []),
        ("https://{{campus}}.a.org/b", []),
    ],
)
def test_the_urls_of_a_text(text: str, urls: list[str]) -> None:
    assert [found.url for found in find_urls(text)] == urls
    assert all(text[found.start : found.end] == found.url for found in find_urls(text))


def test_each_url_gets_one_short_url_and_the_rest_of_the_text_stays() -> None:
    text = "(https://a.org/b). Also https://c.org, and again https://a.org/b!"

    shortened = LINKS.shorten(text)

    first, second = shortened.urls
    assert shortened.text == f"({first}). Also {second}, and again {first}!"
    assert shortened.urls == {first: "https://a.org/b", second: "https://c.org"}
    assert all(url.startswith("https://s.example/l/") and looks_like_code(url[-12:]) for url in (first, second))


@pytest.mark.parametrize(
    "url",
    [
        "https://s.example/l/222222222222",
        "https://S.EXAMPLE./l/222222222222",
        "https://texts.example.org/unsubscribe/x",
        "http://grace.example/l/x",
    ],
)
def test_a_link_to_the_service_itself_stays(url: str) -> None:
    links = LINKS.of_church("grace.example")

    assert links.shorten(f"See {url}").text == f"See {url}"


def test_a_url_that_had_a_short_url_keeps_it() -> None:
    kept = {"https://a.org": "https://s.example/l/" + SAMPLE_CODE}

    assert LINKS.shorten("https://a.org", kept=kept).text == "https://s.example/l/" + SAMPLE_CODE


def test_the_short_urls_of_a_church_are_at_its_domain() -> None:
    assert LINKS.of_church("grace.example").shorten("https://a.org", code="x").text == "https://grace.example/l/x"
    assert LINKS.of_church(None).shorten("https://a.org", code="x").text == "https://s.example/l/x"


def test_codes_are_different_and_have_no_characters_that_look_alike() -> None:
    codes = {new_code() for _ in range(1000)}

    assert len(codes) == 1000
    assert all(looks_like_code(code) for code in codes)
    assert not set("".join(codes)) & set("01ilo")


@pytest.mark.parametrize(
    "text", ["", "2" * 11, "2" * 13, "2" * 11 + "0", "2" * 11 + "-", "2" * 11 + "\N{ARABIC-INDIC DIGIT TWO}"]
)
def test_what_is_no_code(text: str) -> None:
    assert not looks_like_code(text)


@given(TEXTS)
def test_a_shortened_text_can_be_restored(text: str) -> None:
    shortened = LINKS.shorten(text)

    assert restore(shortened.text, shortened.urls) == text


@given(TEXTS)
def test_every_short_link_leads_to_another_host_by_http(text: str) -> None:
    for url in LINKS.shorten(text).urls.values():
        assert url.lower().startswith(("http://", "https://"))
        assert host_of(url) not in (None, "s.example", "texts.example.org")


@given(TEXTS)
def test_a_sample_is_as_long_as_the_text_that_is_sent(text: str) -> None:
    assert len(LINKS.shorten(text, code=SAMPLE_CODE).text) == len(LINKS.shorten(text).text)


@given(TEXTS)
def test_shortening_again_changes_nothing(text: str) -> None:
    once = LINKS.shorten(text).text

    assert LINKS.shorten(once).urls == {}
