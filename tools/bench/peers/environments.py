"""Creates an environment for each peer under var/ from its pinned requirements. It is reused by later runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.bench.peers.table import NODE, SUBMISSION, Peer
from tools.local.environment import ROOT

VENVS = ROOT / "var" / "bench" / "venvs"

_TIMEOUT_SECONDS = 600.0


class NotInstalled(Exception):
    """The peer cannot be installed on this machine; the message states the reason."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A peer that is installed."""

    peer: Peer
    venv: Path

    @property
    def interpreter(self) -> Path:
        return self.venv / "bin" / self.peer.interpreter

    @property
    def folder(self) -> Path:
        """The folder of its scripts. For Node they are copied, because it looks for packages beside them."""
        return self.venv / "app" if self.peer.interpreter == NODE else self.peer.folder

    @property
    def import_path(self) -> str:
        return os.pathsep.join(map(str, (self.folder, SUBMISSION)))


def install(peer: Peer) -> Installed:
    """Create the peer's environment unless it exists. Raises NotInstalled."""
    installed = Installed(peer=peer, venv=VENVS / peer.name)
    requirements = peer.folder / "requirements.txt"
    if not _is_done(installed.venv, requirements):
        shutil.rmtree(installed.venv, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(installed.venv))
        _install_python_packages(installed.venv, requirements)
        _mark_done(installed.venv, requirements)
    if peer.interpreter == NODE:
        _install_node_packages(installed)
    return installed


def _install_python_packages(venv: Path, requirements: Path) -> None:
    python = str(venv / "bin" / "python")
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        _run(str(uv), "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(requirements))
    else:
        _run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements))


def _install_node_packages(installed: Installed) -> None:
    lock = installed.peer.folder / "package-lock.json"
    installed.folder.mkdir(exist_ok=True)
    for file in (*installed.peer.folder.glob("*.mjs"), *installed.peer.folder.glob("package*.json")):
        shutil.copy(file, installed.folder)
    if not _is_done(installed.folder, lock):
        npm = installed.venv / "bin" / "npm"
        # It follows the lock file, like `npm ci`, which refuses a lock without the optional packages of other systems.
        options = ("install", "--ignore-scripts", "--no-audit", "--no-fund")
        _run(str(npm), *options, folder=installed.folder, first=npm.parent)
        _mark_done(installed.folder, lock)


def _is_done(folder: Path, wanted: Path) -> bool:
    """Return whether this requirement file is the one that was installed last."""
    stamp = folder / f"{wanted.name}.installed"
    return stamp.exists() and stamp.read_bytes() == wanted.read_bytes()


def _mark_done(folder: Path, wanted: Path) -> None:
    shutil.copy(wanted, folder / f"{wanted.name}.installed")


def _run(*command: str, folder: Path | None = None, first: Path | None = None) -> None:
    """Run a command, with `first` in front of the PATH. Raises NotInstalled."""
    environment = None if first is None else {**os.environ, "PATH": f"{first}{os.pathsep}{os.environ['PATH']}"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise NotInstalled(f"{Path(command[0]).name} {command[1]}: {lines[-1] if lines else 'failed'}")
