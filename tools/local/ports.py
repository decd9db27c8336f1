"""Loopback ports for servers."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

from tools.local.environment import LocalError

_RANGE = (12_000, 32_000)
"""Below the ports of outgoing connections, which begin at 32768 (Linux) and 49152 (macOS)."""


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there now. Raises LocalError if this machine has no such host."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise LocalError(f"HOST {host!r} is not an address of this machine") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def choose_port() -> int:
    """Return a free port of 127.0.0.1. Until this process ends, the function returns it to no process of this user."""
    while True:
        port = random.randint(*_RANGE)  # noqa: S311 - not a secret
        if port not in _chosen and _reserve(port) and is_free("127.0.0.1", port):
            _chosen.add(port)
            return port


_chosen: set[int] = set()


def _reserve(port: int) -> bool:
    """Lock the byte of this number in a file that all processes of the user share. The lock ends with the process."""
    try:
        fcntl.lockf(_lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):  # another process holds the lock
        return False
    return True


@cache
def _lock_file() -> int:
    # It stays open: closing any descriptor of the file would release the locks.
    return os.open(
        Path(tempfile.gettempdir()) / f"koinonia-ports-{os.getuid()}.lock",
        os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW,
        0o600,
    )
