"""The var folder of bin/run: it is locked by one bin/run at a time, and stores generated values."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tools.local.environment import LocalError

_OWNER, _WORK = "owner.lock", "work.lock"
_WAIT_SECONDS = 90.0


class VarDir:
    """Holds two locks: the owner's lock, held by this process alone, and the work lock, which its programs inherit.

    The work lock is free only when every program that inherited `lock_fd` has exited. So a process that holds both
    knows that no server of an earlier run still uses the files, even if that run was killed.
    """

    def __init__(self, path: Path) -> None:
        """Create the folder if necessary and lock it. Raises LocalError when another bin/run holds it."""
        self.path = path
        self.logs = path / "log"
        try:
            is_ours = not path.exists() or (path / _OWNER).exists()
            self.logs.mkdir(parents=True, exist_ok=True)
            _close_to_other_users(path, self.logs, whole=is_ours)
            self._owner_fd = _open(path / _OWNER)
            self.lock_fd = _open(path / _WORK)
        except OSError as error:
            raise LocalError(f"cannot write in {path}: {error.strerror}. Set VAR_DIR to another folder") from error
        if not _try_lock(self._owner_fd):
            raise LocalError(f"another bin/run is using {path}: stop it, or set VAR_DIR and PORT for a second one")
        self._wait_for_leftover_programs()

    def read_or_create(self, name: str, create: Callable[[], str]) -> str:
        """Return the text of the file `name`. If it does not exist, create it, readable by its owner only."""
        file = self.path / name
        if not file.exists():
            write_private(file, create() + "\n")
        return file.read_text().strip()

    def _wait_for_leftover_programs(self) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        if not _try_lock(self.lock_fd):
            print("waiting until the programs of a killed bin/run have exited", flush=True)
            while not _try_lock(self.lock_fd):
                if time.monotonic() > deadline:
                    raise LocalError(f"programs of a killed bin/run are still running in {self.path}")
                time.sleep(0.1)


def has_leftover_programs(path: Path) -> bool:
    """Return whether programs of a killed bin/run still use the folder."""
    if not (path / _OWNER).exists() or not (path / _WORK).exists():
        return False
    owner_fd, work_fd = _open(path / _OWNER), _open(path / _WORK)
    try:
        return _try_lock(owner_fd) and not _try_lock(work_fd)
    finally:
        os.close(owner_fd)
        os.close(work_fd)


def is_in_use(path: Path) -> bool:
    """Return whether a bin/run is using the folder."""
    if not (path / _OWNER).exists():
        return False
    owner_fd = _open(path / _OWNER)
    try:
        return not _try_lock(owner_fd)
    finally:
        os.close(owner_fd)


def _open(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)


def _close_to_other_users(path: Path, logs: Path, *, whole: bool) -> None:
    """Remove other users' permissions. `whole`: on everything in the folder, because only bin/run uses it."""
    ours = (path, *path.iterdir()) if whole else (path / _OWNER, path / _WORK)
    for each in (*ours, logs, *logs.iterdir()):
        with suppress(FileNotFoundError, PermissionError):  # it does not exist yet, or belongs to another user
            if not each.is_symlink():
                each.chmod(each.stat().st_mode & ~0o077)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(file: Path, text: str) -> None:
    """Write the file atomically, readable by its owner only (mode 600)."""
    temporary = file.with_name(file.name + ".half")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as writing:
        writing.write(text)
        writing.flush()
        os.fsync(writing.fileno())
    temporary.replace(file)
