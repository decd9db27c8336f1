"""Who runs a command, for the audit."""

from __future__ import annotations

import getpass
import socket

from store.audit import Actor


def command_actor() -> Actor:
    """Return the user and host that run the command, such as `ruth@host-1`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return Actor(kind="command", name=f"{user}@{socket.gethostname()}")
