"""The var folder: one owner at a time, and files that are written atomically."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.harness.waiting import wait_until
from tools.local.environment import ROOT, LocalError
from tools.local.var_dir import VarDir, has_leftover_programs, write_private

# Locks the folder, starts a program that inherits the work lock and runs until its input ends, and waits to be killed.
OWNER = """
import subprocess, sys, time
from pathlib import Path
from tools.local.var_dir import VarDir
var = VarDir(Path(sys.argv[1]))
subprocess.Popen(["cat"], pass_fds=(var.lock_fd,))
print("locked", flush=True)
time.sleep(300)
"""


@contextmanager
def owner(path: Path) -> Generator[subprocess.Popen[str]]:
    """A process that locks the folder. Its program runs until the block ends, even after the owner was killed."""
    command = (sys.executable, "-c", OWNER, str(path))
    reader, writer = os.pipe()
    process = subprocess.Popen(command, cwd=ROOT, stdin=reader, stdout=subprocess.PIPE, text=True)
    os.close(reader)
    try:
        yield process
    finally:
        os.close(writer)
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    with owner(tmp_path) as first:
        assert next_line(first) == "locked\n"
        assert not has_leftover_programs(tmp_path)
        with pytest.raises(LocalError, match="another bin/run is using"):
            VarDir(tmp_path)


def test_after_a_kill_the_next_owner_waits_for_the_programs(tmp_path: Path) -> None:
    with ExitStack() as programs:
        first = programs.enter_context(owner(tmp_path))
        assert next_line(first) == "locked\n"
        first.kill()
        wait_until(lambda: has_leftover_programs(tmp_path))

        with owner(tmp_path) as second:
            assert next_line(second) == "waiting until the programs of a killed bin/run have exited\n"
            programs.close()
            assert next_line(second) == "locked\n"


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot write in"):
        VarDir(tmp_path / "file")


def test_a_stored_value_is_created_once_and_private(tmp_path: Path) -> None:
    var = VarDir(tmp_path)
    values = iter("ab")
    assert [var.read_or_create("x.password", lambda: next(values)) for _ in range(2)] == ["a", "a"]
    assert (tmp_path / "x.password").stat().st_mode & 0o777 == 0o600


def test_other_users_lose_access_to_files_of_earlier_runs(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    (folder / "log").mkdir(parents=True)
    for name in ("owner.lock", "work.lock", "log/api.log", "log/api.log.before", "koinonia.password"):
        (folder / name).touch(mode=0o644)
    for path in (folder, folder / "log"):
        path.chmod(0o755)

    VarDir(folder)

    assert {path: path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))} == dict.fromkeys(
        (folder, *folder.rglob("*")), 0
    )


def test_a_folder_with_other_files_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "notes").touch(mode=0o644)

    VarDir(shared)

    assert [path.stat().st_mode & 0o777 for path in (shared, shared / "notes")] == [0o755, 0o644]
    assert [(shared / name).stat().st_mode & 0o077 for name in ("log", "owner.lock", "work.lock")] == [0, 0, 0]


def test_files_are_written_atomically(tmp_path: Path) -> None:
    file = tmp_path / "demo.env"
    (tmp_path / "demo.env.half").write_text("left by a crash")
    write_private(file, "complete\n")
    assert file.read_text() == "complete\n"
    assert [path.name for path in tmp_path.iterdir()] == ["demo.env"]
