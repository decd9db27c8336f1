"""Imports point inward, as the contracts in pyproject.toml say."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.architecture.source_files import FOLDERS, ROOT, product


def test_every_contract_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert lint_imports("pyproject.toml", no_cache=True) == EXIT_STATUS_SUCCESS


def test_every_folder_with_python_in_it_is_known_here_or_known_to_be_no_part_of_the_product() -> None:
    beside = {"tests", "tools"}
    folders = {Path(file).parts[0] for file in _python_files()}

    assert folders - beside == set(FOLDERS)
    assert {file.name for file in product()} >= {"settings.py", "worker.py", "wsgi.py", "store/sql.py"}


def _python_files() -> list[str]:
    files = [file for folder in ROOT.iterdir() if _is_ours(folder) for file in folder.rglob("*.py")]
    return [file.relative_to(ROOT).as_posix() for file in files]


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".") and folder.name != "var"
