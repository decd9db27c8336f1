"""Runs PostgreSQL, which refuses to run as root, when the user is root.

First choice: a user namespace in which root has another user id; files still belong to root. Where that is forbidden,
as in most containers: the account `nobody`, with the one capability that it needs to enter folders of other users.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class CannotDropPrivileges(Exception):
    """Neither way works on this machine."""


@dataclass(frozen=True, kw_only=True)
class PrivilegeDrop:
    """A command prefix that changes the user, and the user id that must own the server's files."""

    prefix: tuple[str, ...]
    owner: int

    def chown(self, folder: Path) -> None:
        """Make the user the owner of the folder and everything in it."""
        for path in (folder, *folder.rglob("*")):
            if path.lstat().st_uid != self.owner:
                os.chown(path, self.owner, -1, follow_symlinks=False)


def no_drop() -> PrivilegeDrop:
    return PrivilegeDrop(prefix=(), owner=os.getuid())


def namespace() -> PrivilegeDrop:
    """Only the user id in the namespace changes; files keep their owner."""
    return PrivilegeDrop(
        prefix=("unshare", "--user", f"--map-user={_nobody()}", f"--map-group={_nobody()}"), owner=os.getuid()
    )


def as_nobody(death_signal: str) -> PrivilegeDrop:
    """A change of user clears the parent death signal (prctl(2)), so `death_signal` (INT, TERM) is set again."""
    return PrivilegeDrop(
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


def find_privilege_drop(program: Path, folder: Path, *, death_signal: str) -> PrivilegeDrop:
    """Return a way to run `program` on the files in `folder` that works on this machine. The folder must exist.

    Raises CannotDropPrivileges.
    """
    for drop in _candidates(death_signal):
        drop.chown(folder)
        if not drop.prefix or _works(drop, program, folder):
            return drop
    raise CannotDropPrivileges("PostgreSQL does not run as root, and neither unshare nor setpriv works here")


def _candidates(death_signal: str) -> Iterator[PrivilegeDrop]:
    if os.getuid() == 0:
        yield namespace()
        yield as_nobody(death_signal)
    elif _has_name(os.getuid()):
        yield no_drop()
    else:  # initdb requires a user name
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


def _works(drop: PrivilegeDrop, program: Path, folder: Path) -> bool:
    check = '"$0" --version && test -r "$1" && test -w "$1" && test -x "$1"'
    command = (*drop.prefix, "sh", "-c", check, str(program), str(folder))
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
