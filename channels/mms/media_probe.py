"""Finds out the type and the size of a picture from its web server, without reading the picture.

Anyone who may pass a URL can make us connect to any host (SSRF). To protect our own network, a host name is looked up
once, every address of it must be public, and the connection is made to one of exactly these addresses. The URL of a
redirect is checked in the same way.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from uuid import UUID

from channels.mms.media_limits import Media
from channels.mms.media_urls import BadUrl, MediaUrl
from channels.mms.response_head import MAX_HEAD_BYTES, InvalidResponse, Method, ResponseHead, fetch_head
from channels.per_church_limits import ChurchThreadPool
from channels.public_addresses import Address, is_public

MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
"""Addresses of one name that are tried, one after the other."""
CONNECT_SECONDS = 2.0
"""For one of several addresses, so that one that does not answer leaves time for the next."""
MAX_DNS_LOOKUPS = 16
"""Threads of a process for DNS lookups."""
MAX_DNS_LOOKUPS_PER_CHURCH = 2
"""A DNS lookup cannot be stopped and may take half a minute. A church with slow name servers occupies only this many
threads."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEAD_REFUSED = frozenset({403, 405, 501})
"""403: the URL is signed for GET only."""
_TOTAL = re.compile(r"bytes 0-0/(\d{1,15})")
_LENGTH = re.compile(r"\d{1,15}")


class MediaUnavailable(Exception):
    """The file cannot be fetched. The message says why, as the end of a sentence that starts with the field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlPolicy:
    """Which URLs and addresses are allowed. `ports` None: any."""

    schemes: frozenset[str]
    ports: frozenset[int] | None
    allows: Callable[[Address], bool]

    def check(self, url: MediaUrl) -> None:
        """Raises BadUrl."""
        if url.scheme not in self.schemes:
            raise BadUrl("must begin with https://")
        if self.ports is not None and url.port not in self.ports:
            raise BadUrl("must use port 443")


PUBLIC_ONLY = UrlPolicy(schemes=frozenset({"https"}), ports=frozenset({443}), allows=is_public)
ANY_ADDRESS = UrlPolicy(schemes=frozenset({"http", "https"}), ports=None, allows=lambda _: True)
"""Only for development and tests: also this machine and its network."""


def resolve(host: str) -> Sequence[Address]:
    """The addresses of a name, in the order in which to try them. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(where[0]) for *_, where in found))


@cache
def default_tls() -> ssl.SSLContext:
    """Verifies certificates, for the host name, against the authorities that the system trusts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaProbe:
    """Requests the heads of files from web servers. Calls `resolve` once for each URL."""

    policy: UrlPolicy
    resolve: Callable[[str], Sequence[Address]] = resolve
    tls: ssl.SSLContext = field(default_factory=default_tls)

    async def fetch_media(self, url: MediaUrl, *, church_id: UUID) -> Media:
        """The type and size of the file at the URL. Raises BadUrl, MediaUnavailable. Has no timeout."""
        self.policy.check(url)
        head = await self._head(url, church_id)
        for _ in range(MAX_REDIRECTS):
            if head.status not in _REDIRECTS:
                return _media(head)
            try:
                url = url.redirected(head.headers.get("location", ""))
                self.policy.check(url)
                head = await self._head(url, church_id)
            except (BadUrl, MediaUnavailable) as error:
                raise MediaUnavailable(f"is redirected to an address that {error}") from error
        if head.status in _REDIRECTS:
            raise MediaUnavailable(f"is redirected more than {MAX_REDIRECTS} times")
        return _media(head)

    async def _head(self, url: MediaUrl, church_id: UUID) -> ResponseHead:
        addresses = await self._allowed_addresses(url.host, church_id)
        head = await self._fetch_head(url, addresses, "HEAD")
        unknown_size = head.status in _HEAD_REFUSED or (head.status == 200 and "content-length" not in head.headers)
        return await self._fetch_head(url, addresses, "GET") if unknown_size else head

    async def _allowed_addresses(self, host: str, church_id: UUID) -> Sequence[Address]:
        """The first addresses of the host. Raises MediaUnavailable if any of its addresses is not allowed.

        The error is the same for a name that does not exist, so that callers cannot probe for names in our network.
        """
        try:
            found = await asyncio.wrap_future(_dns_threads().submit(church_id, self.resolve, host))
        except (OSError, UnicodeError):
            found = ()
        if not found or not all(self.policy.allows(address) for address in found):
            raise MediaUnavailable("leads to a host that has no public address")
        return found[:MAX_ADDRESSES]

    async def _fetch_head(self, url: MediaUrl, addresses: Sequence[Address], method: Method) -> ResponseHead:
        reader, writer = await self._connect(url, addresses)
        try:
            return await fetch_head(url, method, reader, writer)
        except (OSError, EOFError, InvalidResponse) as error:
            raise MediaUnavailable("gets no valid HTTP response") from error
        finally:
            writer.transport.abort()  # the rest of the response is not read

    async def _connect(
        self, url: MediaUrl, addresses: Sequence[Address]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to one of these addresses. The name is not looked up again; the certificate must be valid for it."""
        encrypted = url.scheme == "https"
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(
                        str(address),
                        url.port,
                        ssl=self.tls if encrypted else None,
                        server_hostname=url.host if encrypted else None,
                        limit=MAX_HEAD_BYTES,
                    )
            except ssl.SSLError as error:
                raise MediaUnavailable("has no valid certificate for its host") from error
            except OSError:  # including a timeout
                continue
        raise MediaUnavailable("cannot be reached now: try again later")


def _media(head: ResponseHead) -> Media:
    if head.status not in (200, 206):
        raise MediaUnavailable(f"returns HTTP {head.status}")
    size_bytes = _size_bytes(head)
    if size_bytes is None:
        raise MediaUnavailable("is returned without its size (Content-Length)")
    content_type = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Media(content_type=content_type, size_bytes=size_bytes)


def _size_bytes(head: ResponseHead) -> int | None:
    if head.status == 206:
        match = _TOTAL.fullmatch(head.headers.get("content-range", ""))
        return int(match[1]) if match else None
    match = _LENGTH.fullmatch(head.headers.get("content-length", ""))
    return int(match[0]) if match else None


@cache
def _dns_threads() -> ChurchThreadPool:
    return ChurchThreadPool(total=MAX_DNS_LOOKUPS, per_church=MAX_DNS_LOOKUPS_PER_CHURCH, name="media-dns")
