"""The rules for the URL of a picture. They are checked before any server is contacted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import cast
from urllib.parse import SplitResult, urljoin, urlsplit

FIELD = "mediaUrls"
MAX_URLS = 10
"""https://www.twilio.com/docs/messaging/api/message-resource, MediaUrl"""
MAX_CHARACTERS = 2_048

_PRINTABLE = re.compile(r"[!-~]+")
"""No spaces, no line ends, only ASCII: the URL cannot break out of the request line."""
_UNSAFE = re.compile(r'[\\"<>^`{|}]')
"""Not allowed in a URL (RFC 3986), and parsed differently by different libraries."""
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
_PORTS = {"https": 443, "http": 80}


class BadUrl(Exception):
    """The URL is not allowed. The message says why, as the end of a sentence that starts with the field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaUrl:
    """A URL that was parsed once. It is not parsed again, so no other parser can find another host in it."""

    scheme: str
    host: str
    """A name, or an IP address without brackets."""
    port: int
    target: str
    """Path and query, as in a request line."""
    url: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def redirected(self, location: str) -> MediaUrl:
        """The URL that a redirect from here leads to. Raises BadUrl."""
        if not _is_clean(location):
            raise BadUrl("is not a URL")
        try:
            joined = urljoin(self.url, location)
        except ValueError as error:
            raise BadUrl("is not a URL") from error
        return parse_url(joined.partition("#")[0])


def check_urls(value: object) -> Mapping[str, str]:
    """Field errors, by names such as `mediaUrls[2]`."""
    if not isinstance(value, list):
        return {FIELD: "must be a list"}
    urls = cast("list[object]", value)
    if not urls:
        return {FIELD: "must have at least 1 item"}
    if len(urls) > MAX_URLS:
        return {FIELD: f"must have at most {MAX_URLS} items"}
    errors: dict[str, str] = {}
    for index, url in enumerate(urls):
        error = "is listed twice" if url in urls[:index] else _url_error(url)
        if error is not None:
            errors[f"{FIELD}[{index}]"] = error
    return errors


def parse_url(url: str) -> MediaUrl:
    """Parse the URL. Raises BadUrl."""
    if len(url) > MAX_CHARACTERS:
        raise BadUrl(f"must have at most {MAX_CHARACTERS:,} characters")
    if not _is_clean(url):
        raise BadUrl("must be a URL in ASCII without spaces: write other characters as %XX")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl("is not a URL") from error
    if parts.scheme not in _PORTS:
        raise BadUrl("must begin with https://")
    if "@" in parts.netloc:
        raise BadUrl("must not contain a user name or a password")
    if "#" in url:
        raise BadUrl("must not have a fragment (#)")
    host = _host(parts)
    if port is None:
        port = _PORTS[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return MediaUrl(scheme=parts.scheme, host=host, port=port, target=target, url=url)


def _url_error(url: object) -> str | None:
    if not isinstance(url, str):
        return "must be a string"
    try:
        parse_url(url)
    except BadUrl as error:
        return str(error)
    return None


def _is_clean(text: str) -> bool:
    return _PRINTABLE.fullmatch(text) is not None and _UNSAFE.search(text) is None


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        try:
            return str(IPv6Address("" if "%" in host else host))
        except ValueError as error:
            raise BadUrl("has no valid host") from error
    if len(host) > 253 or _NAME.fullmatch(host) is None:
        raise BadUrl("has no valid host")
    return host
