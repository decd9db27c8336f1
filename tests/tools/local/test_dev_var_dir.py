"""The var folder: one owner at a time, small files whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.waiting import wait_until
from tools.local.environment import ROOT, LocalError
from tools.local.var_dir import VarDir, is_winding_down, write_private

# Takes the folder, starts a program that holds the work's lock and outlives it, and waits to be killed.
OWNER = """
import subprocess, sys, time
from pathlib import Path
from tools.local.var_dir import VarDir
var = VarDir(Path(sys.argv[1]))
subprocess.Popen(["sleep", sys.argv[2]], pass_fds=(var.lock_fd,))
print("owns", flush=True)
time.sleep(60)
"""


def owner(path: Path, *, work_seconds: float) -> subprocess.Popen[str]:
    command = (sys.executable, "-c", OWNER, str(path), str(work_seconds))
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "owns\n"
    process.stdout.close()
    return process


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    with owner(tmp_path, work_seconds=0.1) as first:
        assert not is_winding_down(tmp_path)
        with pytest.raises(LocalError, match="another bin/run is using"):
            VarDir(tmp_path)
        first.kill()


def test_after_a_kill_the_next_owner_waits_for_the_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with owner(tmp_path, work_seconds=1.5) as first:
        first.kill()
    wait_until(lambda: is_winding_down(tmp_path))
    VarDir(tmp_path)
    assert "waiting for the programs of a run that was killed" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot write in"):
        VarDir(tmp_path / "file")


def test_what_is_kept_is_made_once_and_private(tmp_path: Path) -> None:
    var = VarDir(tmp_path)
    made = iter("ab")
    assert [var.kept("x.password", lambda: next(made)) for _ in range(2)] == ["a", "a"]
    assert (tmp_path / "x.password").stat().st_mode & 0o777 == 0o600


def test_what_a_run_before_left_readable_is_shut_again(tmp_path: Path) -> None:
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


def test_a_folder_that_somebody_else_uses_too_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "notes").touch(mode=0o644)

    VarDir(shared)

    assert [path.stat().st_mode & 0o777 for path in (shared, shared / "notes")] == [0o755, 0o644]
    assert [(shared / name).stat().st_mode & 0o077 for name in ("log", "owner.lock", "work.lock")] == [0, 0, 0]


def test_a_half_written_file_is_never_seen(tmp_path: Path) -> None:
    file = tmp_path / "demo.env"
    (tmp_path / "demo.env.half").write_text("left by a crash")
    write_private(file, "whole\n")
    assert file.read_text() == "whole\n"
    assert [path.name for path in tmp_path.iterdir()] == ["demo.env"]
