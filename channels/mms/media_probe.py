"""A look at a picture from outside, as Twilio will look: where it is, of what type and how large. It is not read.

Whoever may name a URL may have us connect somewhere. So that this is never our own network, a name is looked up once,
each address it has must be public, and the connection goes to one of just these addresses. A redirect leads to a new
place, which is judged from the start.
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

from channels.mms.media import Media
from channels.mms.media_urls import BadUrl, Place
from channels.mms.per_church_limits import ChurchThreads
from channels.mms.public_addresses import Address, is_public
from channels.mms.response_head import MAX_HEAD_BYTES, Head, Method, NotHttp, fetch_head

MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
"""Of one name, that are tried one after the other."""
CONNECT_SECONDS = 2.0
"""How long one of several addresses may take, so that a dead one leaves time for the next."""
LOOKUPS_AT_ONCE = 16
"""Threads of a process that look names up."""
LOOKUPS_OF_A_CHURCH = 2
"""Of those. A look-up cannot be stopped, and a slow name server may keep it for half a minute: the church that names
such hosts waits for its own threads, and leaves room for the others."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEAD_REFUSED = frozenset({403, 405, 501})
"""403: a URL that was signed for GET alone."""
_TOTAL = re.compile(r"bytes 0-0/(\d{1,15})")
_LENGTH = re.compile(r"\d{1,15}")


class Unseen(Exception):
    """It cannot be looked at; the message tells a person why, as the end of a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """Where it may lead. `ports` None: to any."""

    schemes: frozenset[str]
    ports: frozenset[int] | None
    admits: Callable[[Address], bool]

    def check(self, place: Place) -> None:
        """Raises BadUrl."""
        if place.scheme not in self.schemes:
            raise BadUrl("must begin with https://")
        if self.ports is not None and place.port not in self.ports:
            raise BadUrl("must not name another port than 443")


PUBLIC = Gate(schemes=frozenset({"https"}), ports=frozenset({443}), admits=is_public)
ANYWHERE = Gate(schemes=frozenset({"http", "https"}), ports=None, admits=lambda _: True)
"""For development and tests alone: also to this machine and its network."""


def resolve(host: str) -> Sequence[Address]:
    """The addresses of a name, the one to try first before the others. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(where[0]) for *_, where in found))


@cache
def usual_tls() -> ssl.SSLContext:
    """Certificates are verified, for the name, against the authorities that the system trusts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How to look. `resolve` is asked once for each place."""

    gate: Gate
    resolve: Callable[[str], Sequence[Address]] = resolve
    tls: ssl.SSLContext = field(default_factory=usual_tls)

    async def at(self, place: Place, *, church_id: UUID) -> Media:
        """What is there, for a church. Raises BadUrl or Unseen. Takes any time."""
        self.gate.check(place)
        head = await self._head(place, church_id)
        for _ in range(MAX_REDIRECTS):
            if head.status not in _REDIRECTS:
                return _media(head)
            try:
                place = place.redirected(head.headers.get("location", ""))
                self.gate.check(place)
                head = await self._head(place, church_id)
            except (BadUrl, Unseen) as error:
                raise Unseen(f"is redirected to an address that {error}") from error
        if head.status in _REDIRECTS:
            raise Unseen(f"is redirected more than {MAX_REDIRECTS} times")
        return _media(head)

    async def _head(self, place: Place, church_id: UUID) -> Head:
        addresses = await self._admitted(place.host, church_id)
        head = await self._ask(place, addresses, "HEAD")
        unsaid = head.status in _HEAD_REFUSED or (head.status == 200 and "content-length" not in head.headers)
        return await self._ask(place, addresses, "GET") if unsaid else head

    async def _admitted(self, host: str, church_id: UUID) -> Sequence[Address]:
        """All addresses of the host. One that is not public shuts them all out.

        A name that does not exist is told in the same words as an inner one: nobody learns our own names by asking.
        """
        try:
            found = await asyncio.wrap_future(_lookups().submit(church_id, self.resolve, host))
        except (OSError, UnicodeError):
            found = ()
        if not found or not all(self.gate.admits(address) for address in found):
            raise Unseen("leads to a host that has no public address")
        return found[:MAX_ADDRESSES]

    async def _ask(self, place: Place, addresses: Sequence[Address], method: Method) -> Head:
        reader, writer = await self._connect(place, addresses)
        try:
            return await fetch_head(place, method, reader, writer)
        except (OSError, EOFError, NotHttp) as error:
            raise Unseen("is not answered as web servers answer") from error
        finally:
            writer.transport.abort()  # whatever else comes, nobody reads it

    async def _connect(
        self, place: Place, addresses: Sequence[Address]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To one of just these addresses: the name is not looked up again, the certificate only must be for it."""
        encrypted = place.scheme == "https"
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(
                        str(address),
                        place.port,
                        ssl=self.tls if encrypted else None,
                        server_hostname=place.host if encrypted else None,
                        limit=MAX_HEAD_BYTES,
                    )
            except ssl.SSLError as error:
                raise Unseen("has no valid certificate for its host") from error
            except OSError:  # a timeout is one too
                continue
        raise Unseen("cannot be reached now: try again later")


def _media(head: Head) -> Media:
    if head.status not in (200, 206):
        raise Unseen(f"is answered with HTTP {head.status}")
    size_bytes = _size_bytes(head)
    if size_bytes is None:
        raise Unseen("comes without its size (Content-Length)")
    content_type = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Media(content_type=content_type, size_bytes=size_bytes)


def _size_bytes(head: Head) -> int | None:
    if head.status == 206:
        said = _TOTAL.fullmatch(head.headers.get("content-range", ""))
        return int(said[1]) if said else None
    said = _LENGTH.fullmatch(head.headers.get("content-length", ""))
    return int(said[0]) if said else None


@cache
def _lookups() -> ChurchThreads:
    return ChurchThreads(total=LOOKUPS_AT_ONCE, share=LOOKUPS_OF_A_CHURCH, name="media-names")
