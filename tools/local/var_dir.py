"""The folder of a local deployment: one bin/run at a time, and small values that are made once and kept."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tools.local.environment import LocalError

_OWNER, _WORK = "owner.lock", "work.lock"
_PATIENCE_SECONDS = 90.0


class VarDir:
    """Holds two locks: that of the owner, which is this process, and that of the work, which its programs share.

    The work's lock is free only when every program that was given `lock_fd` has ended too. So whoever has both knows
    that no server of an earlier run is at work on the files, however that run ended.
    """

    def __init__(self, path: Path) -> None:
        """Make the folder if need be and lock it. Raises LocalError when another bin/run has it."""
        self.path = path
        self.logs = path / "log"
        try:
            is_ours = not path.exists() or (path / _OWNER).exists()
            self.logs.mkdir(parents=True, exist_ok=True)
            _shut_to_others(path, self.logs, whole=is_ours)
            self._owner_fd = _open(path / _OWNER)
            self.lock_fd = _open(path / _WORK)
        except OSError as error:
            raise LocalError(f"cannot write in {path}: {error.strerror} (set VAR_DIR to another folder)") from error
        if not _try_lock(self._owner_fd):
            raise LocalError(f"another bin/run is using {path} (set VAR_DIR to another folder for a second one)")
        self._await_work()

    def kept(self, name: str, make: Callable[[], str]) -> str:
        """The text of the file `name`, made at first and readable by its owner alone."""
        file = self.path / name
        if not file.exists():
            write_private(file, make() + "\n")
        return file.read_text().strip()

    def _await_work(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        if not _try_lock(self.lock_fd):
            print("waiting for the programs of a run that was killed", flush=True)
            while not _try_lock(self.lock_fd):
                if time.monotonic() > deadline:
                    raise LocalError(f"programs of a run that was killed are still using {self.path}")
                time.sleep(0.1)


def is_winding_down(path: Path) -> bool:
    """Whether programs of a run that was killed are still at work on the folder."""
    if not (path / _OWNER).exists() or not (path / _WORK).exists():
        return False
    owner_fd, work_fd = _open(path / _OWNER), _open(path / _WORK)
    try:
        return _try_lock(owner_fd) and not _try_lock(work_fd)
    finally:
        os.close(owner_fd)
        os.close(work_fd)


def is_in_use(path: Path) -> bool:
    """Whether a bin/run is running with this folder."""
    if not (path / _OWNER).exists():
        return False
    owner_fd = _open(path / _OWNER)
    try:
        return not _try_lock(owner_fd)
    finally:
        os.close(owner_fd)


def _open(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)


def _shut_to_others(path: Path, logs: Path, *, whole: bool) -> None:
    """Take from everybody else what they may do with our files. `whole`: nobody but bin/run uses the folder."""
    ours = (path, *path.iterdir()) if whole else (path / _OWNER, path / _WORK)
    for each in (*ours, logs, *logs.iterdir()):
        with suppress(FileNotFoundError, PermissionError):  # not made yet, or another user's: not ours to change
            if not each.is_symlink():
                each.chmod(each.stat().st_mode & ~0o077)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(file: Path, text: str) -> None:
    """Write the file whole or not at all, readable by its owner alone (mode 600)."""
    half = file.with_name(file.name + ".half")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as writing:
        writing.write(text)
        writing.flush()
        os.fsync(writing.fileno())
    half.replace(file)
