"""The web addresses in a text, and the short links that replace them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

CODE_CHARACTERS = 12
PATH = "/l/"
"""What precedes the code in a short URL. No other route begins with it."""
SAMPLE_CODE = "2" * CODE_CHARACTERS
"""Stands for a code where a text is only counted: every code is as long and costs the same."""

_NONE: Mapping[str, str] = MappingProxyType({})
_ALPHABET = "23456789bcdfghjkmnpqrstvwxyz"
"""Without characters that look alike (0 and o, 1, i and l), and without vowels, so that no code is a word."""
_CODE = re.compile(rf"[{_ALPHABET}]{{{CODE_CHARACTERS}}}")
_URL = re.compile(r"(?<![^\W_])https?://[\w!#$%&'()*+,\-./:;=?@\[\]^{|}~]+", re.IGNORECASE)
_TRAILING = ".,;:!?'"
_BRACKETS = {")": "(", "]": "["}


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundUrl:
    """A URL in a text: `text[start:end]`."""

    start: int
    end: int
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortenedText:
    text: str
    urls: Mapping[str, str] = field(default_factory=dict[str, str])
    """The URL that each short URL replaces, in the order of the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortLinks:
    """Where short URLs point to, and which URLs are never shortened."""

    base_url: str
    """Such as https://grace.example, without a slash at the end."""
    own_hosts: frozenset[str]
    """Hosts of the service and of the church. A link to a link would be counted twice, or lead in a circle."""

    @classmethod
    def of_service(cls, *, base_url: str, public_url: str) -> ShortLinks:
        """Returns those of churches without a domain of their own."""
        hosts = (host_of(url) for url in (base_url, public_url))
        return cls(base_url=base_url, own_hosts=frozenset(host for host in hosts if host))

    def of_church(self, link_domain: str | None) -> ShortLinks:
        """Returns those of a church: at its domain, if it has one."""
        if link_domain is None:
            return self
        return ShortLinks(base_url=f"https://{link_domain}", own_hosts=self.own_hosts | {link_domain})

    def shorten(self, text: str, *, kept: Mapping[str, str] = _NONE, code: str | None = None) -> ShortenedText:
        """Replaces each URL by a short one with a new code, the same for the same URL.

        `kept`: short URLs, by the URL that they replace, that are used again. `code`: used for all, to count segments.
        """
        pieces: list[str] = []
        short_urls: dict[str, str] = {}
        end = 0
        for found in find_urls(text):
            if host_of(found.url) in self.own_hosts:
                continue
            if found.url not in short_urls:
                short_urls[found.url] = kept.get(found.url) or f"{self.base_url}{PATH}{code or new_code()}"
            pieces += (text[end : found.start], short_urls[found.url])
            end = found.end
        pieces.append(text[end:])
        return ShortenedText(text="".join(pieces), urls={short: url for url, short in short_urls.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkRules:
    """How the links in the messages of all churches are shortened."""

    service: ShortLinks
    segments_of: Callable[[str, str], int | None]
    """Returns the segments of a text with short links, by the name of the channel and the text; None if the channel
    does not shorten links, or does not send the text: it may be too long."""


def new_code() -> str:
    """Returns 12 random characters of 28: of a million links, a guess hits one in 200 billion."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_CHARACTERS))


def looks_like_code(text: str) -> bool:
    """Returns whether the text has the form of a code. If not, no link has it."""
    return _CODE.fullmatch(text) is not None


def find_url_like(text: str) -> Iterator[tuple[int, int]]:
    """Yields where each text begins and ends that looks like an http or https URL, whether it is one or not."""
    return (found.span() for found in _URL.finditer(text))


def find_urls(text: str) -> Iterator[FoundUrl]:
    """Yields the http and https URLs of a text that can be shortened.

    Punctuation at the end, and a bracket that was opened before the URL, are not part of it. Left out are URLs with a
    merge field, with a user name or password, and without a valid host name.
    """
    for found in _URL.finditer(text):
        if "{" in found[0] or "}" in found[0]:
            continue
        url = _without_trailing(found[0])
        if host_of(url) is not None:
            yield FoundUrl(start=found.start(), end=found.start() + len(url), url=url)


def host_of(url: str) -> str | None:
    """Returns the host of a URL in lower case; None if it has none, or a user name, or cannot be requested."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
        host.encode("idna")
    except ValueError:  # UnicodeError too
        return None
    return None if "@" in parts.netloc else host.rstrip(".") or None


def restore(text: str, urls: Mapping[str, str]) -> str:
    """Returns the text with the URLs that its short URLs replaced, by `urls` as in ShortenedText."""
    if not urls:
        return text
    return re.sub("|".join(map(re.escape, urls)), lambda found: urls[found[0]], text)


def _without_trailing(url: str) -> str:
    """Returns the URL without punctuation at its end. A closing bracket stays if the URL contains the opening one."""
    surplus = {closing: url.count(closing) - url.count(opening) for closing, opening in _BRACKETS.items()}
    end = len(url)
    while end and (url[end - 1] in _TRAILING or surplus.get(url[end - 1], 0) > 0):
        if url[end - 1] in surplus:
            surplus[url[end - 1]] -= 1
        end -= 1
    return url[:end]
