"""The rules for the URL of a picture."""

from __future__ import annotations

from typing import Any

import pytest

from channels.mms.channel import MmsChannel
from channels.mms.media_urls import BadUrl, parse_url

GOOD = "https://www.example.org/flyer.jpg"


def field_errors(*urls: Any) -> dict[str, str]:
    return dict(MmsChannel().check_details({"mediaUrls": list(urls)}))


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "host_header"),
    [
        (GOOD, "www.example.org", 443, "/flyer.jpg", "www.example.org"),
        ("https://example.org", "example.org", 443, "/", "example.org"),
        ("https://example.org?a=1&b=%20", "example.org", 443, "/?a=1&b=%20", "example.org"),
        ("https://EXAMPLE.org:8443/A;b?c=@:/?", "example.org", 8443, "/A;b?c=@:/?", "example.org:8443"),
        ("https://xn--grn-hoa.example/%C3%BC.png", "xn--grn-hoa.example", 443, "/%C3%BC.png", "xn--grn-hoa.example"),
        ("https://[2606:4700::1]/", "2606:4700::1", 443, "/", "[2606:4700::1]"),
        ("http://example.org/", "example.org", 80, "/", "example.org"),
        ("https://example.org:80/", "example.org", 80, "/", "example.org:80"),
    ],
)
def test_a_valid_url_is_parsed(url: str, host: str, port: int, target: str, host_header: str) -> None:
    parsed = parse_url(url)

    assert (parsed.host, parsed.port, parsed.target, parsed.host_header) == (host, port, target, host_header)
    assert field_errors(url) == {}


@pytest.mark.parametrize("url", [None, 7, True, {}, ["https://example.org"]])
def test_only_strings_are_urls(url: Any) -> None:
    assert field_errors(url) == {"mediaUrls[0]": "must be a string"}


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", "must be a URL in ASCII"),
        ("https://example.org/a b", "must be a URL in ASCII"),
        (" https://example.org/", "must be a URL in ASCII"),
        ("https://example.org/\r\nX-Evil: 1", "must be a URL in ASCII"),
        ("https://example.org/\n", "must be a URL in ASCII"),
        ("https://exa\tmple.org/", "must be a URL in ASCII"),
        ("https://example.org/\x00", "must be a URL in ASCII"),
        ("https://example.org/ü.png", "must be a URL in ASCII"),
        ("https://ｅxample.org/", "must be a URL in ASCII"),
        ("https://example.org\\@127.0.0.1/", "must be a URL in ASCII"),
        ("https://example.org/{a}", "must be a URL in ASCII"),
        ("ftp://example.org/a", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("gopher://example.org/", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("//example.org/a", "must begin with https://"),
        ("/a.png", "must begin with https://"),
        ("https://user@example.org/", "must not contain a user name"),
        ("https://user:pw@example.org/", "must not contain a user name"),
        ("https://example.org@127.0.0.1/", "must not contain a user name"),
        ("https://@example.org/", "must not contain a user name"),
        ("https://example.org/a#b", "must not have a fragment"),
        ("https://example.org/a#", "must not have a fragment"),
        ("https://example.org#@127.0.0.1/", "must not have a fragment"),
        ("https:///a", "has no valid host"),
        ("https:a", "has no valid host"),
        ("https://:443/", "has no valid host"),
        ("https://-a.example/", "has no valid host"),
        ("https://a..example/", "has no valid host"),
        ("https://example.org./", "has no valid host"),
        ("https://a%2eexample/", "has no valid host"),
        ("https://a,b/", "has no valid host"),
        (f"https://{'a' * 64}.example/", "has no valid host"),
        (f"https://{'a.' * 127}example/", "has no valid host"),
        ("https://[::1%25eth0]/", "has no valid host"),
        ("https://[example.org]/", "no"),
        ("https://[::1/", "is not a URL"),
        ("https://example.org:port/", "is not a URL"),
        ("https://example.org:65536/", "is not a URL"),
        ("https://example.org:-1/", "is not a URL"),
        ("https://example.org:+443/", "is not a URL"),
        ("https://example.org/" + "a" * 2_029, "must have at most 2,048 characters"),
    ],
)
def test_an_invalid_url_is_refused_with_the_reason(url: str, error: str) -> None:
    errors = field_errors(GOOD, url)

    assert list(errors) == ["mediaUrls[1]"]
    assert error in errors["mediaUrls[1]"]


def test_a_url_has_a_maximum_length() -> None:
    assert field_errors("https://example.org/" + "a" * 2_028) == {}


def test_the_list_has_one_to_ten_urls_each_once() -> None:
    ten = [f"{GOOD}?{n}" for n in range(10)]

    assert field_errors() == {"mediaUrls": "must have at least 1 item"}
    assert field_errors(*ten) == {}
    assert field_errors(*ten, GOOD) == {"mediaUrls": "must have at most 10 items"}
    assert field_errors(GOOD, "https://b.example/", GOOD) == {"mediaUrls[2]": "is listed twice"}
    assert MmsChannel().check_details({"mediaUrls": GOOD}) == {"mediaUrls": "must be a list"}
    assert MmsChannel().check_details({}) == {"mediaUrls": "is required for mms"}


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b.png", "https://www.example.org/b.png"),
        ("b.png", "https://www.example.org/b.png"),
        ("//cdn.example/b", "https://cdn.example/b"),
        ("http://cdn.example/b#part", "http://cdn.example/b"),
        ("?x", "https://www.example.org/flyer.jpg?x"),
    ],
)
def test_a_redirect_is_resolved(location: str, leads_to: str) -> None:
    assert parse_url(GOOD).redirected(location).url == leads_to


@pytest.mark.parametrize(
    "location", ["", "file:///etc/passwd", "https://u:p@example.org/", "/a b", "/ü", "https://[::1/", "/" + "a" * 2_048]
)
def test_an_invalid_redirect_is_refused(location: str) -> None:
    with pytest.raises(BadUrl):
        parse_url(GOOD).redirected(location)


@pytest.mark.parametrize(("content", "is_valid"), [("", True), (" ", True), ("x" * 1_600, True), ("x" * 1_601, False)])
def test_the_text_may_be_empty_and_has_a_maximum_length(content: str, is_valid: bool) -> None:
    assert (MmsChannel().check_content(content) is None) is is_valid


def test_a_picture_message_costs_one_segment_however_long() -> None:
    assert MmsChannel().count_segments("🥧" * 1_600) == 1
