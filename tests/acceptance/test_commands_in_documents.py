"""Every command in the documents does, on the system that bin/run starts, what the document says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.document_examples import Shell, read_examples
from tests.harness.whole_system import environment_of, running_system
from tools.local.environment import ROOT

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are tied together with prctl"),
    pytest.mark.timeout(600),
    pytest.mark.extended,
]
DOCUMENTS = sorted(path for path in (ROOT / "docs").glob("*.md") if read_examples(path.read_text()))
_COMMAND_SECONDS = 120.0


@pytest.fixture
def terminal(tmp_path: Path, free_port: int) -> Iterator[dict[str, str]]:
    """The environment of a terminal beside a running bin/run: `flask`, and the id and the key of the demo church."""
    var = tmp_path / "var"
    with running_system(environment_of(var, free_port), tmp_path / "output"):
        commands = tmp_path / "bin"
        commands.mkdir()
        (commands / "flask").write_text(f'#!/bin/sh\nexec "{ROOT}/bin/flask" "$@"\n')
        (commands / "flask").chmod(0o755)
        demo = dict(line.split("=", 1) for line in (var / "demo.env").read_text().splitlines() if "=" in line)
        yield {
            "PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "VAR_DIR": str(var),
            "URL": f"http://127.0.0.1:{free_port}",
            **{name: value.strip("'\"") for name, value in demo.items()},
        }


def test_the_examples_in_the_documents_are_true(terminal: dict[str, str]) -> None:
    assert DOCUMENTS
    differences = [difference for document in DOCUMENTS for difference in differences_in(document, terminal)]
    assert not differences, "\n\n".join(differences)


def differences_in(document: Path, terminal: dict[str, str]) -> list[str]:
    """Run the examples of the document in one shell, and describe each that does something else."""
    differences: list[str] = []
    with Shell(environment=terminal, folder=ROOT) as shell:
        for example in read_examples(document.read_text()):
            status, printed = shell.run(example.command, timeout_seconds=_COMMAND_SECONDS)
            if not example.is_met_by(status, printed):
                differences.append(
                    f"{document.name}, line {example.line}: {example.command}\n"
                    f"--- expected\n{example.output}\n--- printed (exit status {status})\n{printed}"
                )
    return differences
