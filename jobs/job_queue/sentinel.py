"""Redis behind Redis Sentinel: the sentinels name the primary, and a client finds the new one after a failover.

The URL is `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT],…/SERVICE[/DATABASE][?OPTIONS]`, or
`rediss+sentinel://` for TLS to the sentinels and to Redis. User and password are those of Redis; the options
`sentinel_username` and `sentinel_password` are those of the sentinels. The other options are redis-py's, such as
`ssl_ca_certs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis import Redis
from redis import connection as redis_connection
from redis.sentinel import Sentinel

SENTINEL_PORT = 26379
_parse = cast("Callable[[str], dict[str, Any]]", redis_connection.parse_url)


@dataclass(frozen=True, kw_only=True, slots=True)
class SentinelUrl:
    """The parts of the URL."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    redis_options: dict[str, Any] = field(repr=False)
    """Arguments of redis-py's connection to Redis: database, user, password and TLS."""
    sentinel_options: dict[str, Any] = field(repr=False)
    """Arguments of its connections to the sentinels: their user and password, and TLS."""


def is_sentinel_url(url: str) -> bool:
    return urlsplit(url).scheme in ("redis+sentinel", "rediss+sentinel")


def read_sentinel_url(url: str) -> SentinelUrl:
    """Return the parts of the URL. Raises ValueError, whose message never contains a part of the URL."""
    address = urlsplit(url)
    credentials, at, hosts = address.netloc.rpartition("@")
    service, _, database = address.path.removeprefix("/").partition("/")
    if not service:
        raise ValueError("must name the service that the sentinels watch: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE")
    if not (database or "0").isdecimal():
        raise ValueError("the database after the service must be a number")
    options = dict(parse_qsl(address.query))
    of_sentinels = {
        name: options.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in options
    }
    scheme = address.scheme.partition("+")[0]
    redis_options: dict[str, Any] = _parse(f"{scheme}://{credentials}{at}redis/{database or 0}?{urlencode(options)}")
    del redis_options["host"]
    tls: dict[str, Any] = {"ssl": True} if redis_options.pop("connection_class", None) else {}
    tls |= {name: value for name, value in redis_options.items() if name.startswith("ssl_")}
    return SentinelUrl(
        sentinels=tuple(_read_host(host) for host in hosts.split(",")),
        service=unquote(service),
        redis_options=redis_options | tls,
        sentinel_options=of_sentinels | tls,
    )


def open_sentinel_redis(url: str, **options: Any) -> Redis:
    """Return a client of the service's primary. It asks the sentinels whenever it opens a connection.

    `options` apply to the connections to Redis and to the sentinels. Errors are those of redis-py; without a primary,
    MasterNotFoundError, a ConnectionError.
    """
    parts = read_sentinel_url(url)
    sentinel = Sentinel(parts.sentinels, sentinel_kwargs=options | parts.sentinel_options)
    return sentinel.master_for(parts.service, **(options | parts.redis_options))


def _read_host(text: str) -> tuple[str, int]:
    """Return the host and the port of `host`, `host:port`, `[address]` or `[address]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(SENTINEL_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("must list the sentinels as HOST:PORT, separated by commas")
    return host, int(port)
