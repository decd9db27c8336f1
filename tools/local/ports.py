"""Loopback ports for servers."""

from __future__ import annotations

import random
import socket

from tools.local.environment import LocalError

_BELOW_OUTGOING = (12_000, 32_000)
"""Linux and macOS give outgoing connections ports from 32768 and 49152 on."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises LocalError for a host that does not exist."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise LocalError(f"HOST {host!r} is no address of this machine") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def choose_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now, and which no outgoing connection is given meanwhile."""
    while True:
        port = random.randint(*_BELOW_OUTGOING)  # noqa: S311 - nothing is to be kept secret
        if is_free("127.0.0.1", port):
            return port
