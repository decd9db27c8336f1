"""Runs PostgreSQL, which refuses to run as root, for somebody who is root.

First choice: a user namespace in which root has another number; files stay root's. Where that is forbidden (as in most
containers): the account `nobody`, with the one capability that lets it through folders that are shut to others.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class CannotDropPrivileges(Exception):
    """Neither way is open on this machine."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A command to put before the server's own, and the user that the server's files belong to."""

    prefix: tuple[str, ...]
    owner: int

    def give(self, folder: Path) -> None:
        """Hand the folder and all in it to the user, where it belongs to another."""
        for path in (folder, *folder.rglob("*")):
            if path.lstat().st_uid != self.owner:
                os.chown(path, self.owner, -1, follow_symlinks=False)


def as_we_are() -> Way:
    return Way(prefix=(), owner=os.getuid())


def namespace() -> Way:
    """Our files stay ours: only the number we go by is another."""
    return Way(prefix=("unshare", "--user", f"--map-user={_nobody()}", f"--map-group={_nobody()}"), owner=os.getuid())


def as_nobody(death_signal: str) -> Way:
    """`death_signal` (INT, TERM) is asked for again, for a change of user forgets it (prctl(2))."""
    return Way(
        prefix=(
            "setpriv",
            f"--reuid={_nobody()}",
            f"--regid={_nobody()}",
            "--clear-groups",
            "--inh-caps=-all,+dac_override",
            "--ambient-caps=-all,+dac_override",
            f"--pdeathsig={death_signal}",
        ),
        owner=_nobody(),
    )


def find_way(program: Path, folder: Path, *, death_signal: str) -> Way:
    """The way in which this machine lets us run `program` on the files in `folder`, which must exist.

    Raises CannotDropPrivileges.
    """
    for way in _ways(death_signal):
        way.give(folder)
        if not way.prefix or _works(way, program, folder):
            return way
    raise CannotDropPrivileges("PostgreSQL does not run as root, and neither unshare nor setpriv works here")


def _ways(death_signal: str) -> Iterator[Way]:
    if os.getuid() == 0:
        yield namespace()
        yield as_nobody(death_signal)
    elif _has_name(os.getuid()):
        yield as_we_are()
    else:  # initdb insists on one
        yield namespace()


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65534


def _has_name(user: int) -> bool:
    try:
        return bool(pwd.getpwuid(user).pw_name)
    except KeyError:
        return False


def _works(way: Way, program: Path, folder: Path) -> bool:
    check = '"$0" --version && test -r "$1" && test -w "$1" && test -x "$1"'
    command = (*way.prefix, "sh", "-c", check, str(program), str(folder))
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
