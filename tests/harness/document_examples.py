"""The examples in the documents: commands with their expected output, in blocks marked `console`.

A line that begins with `$ ` is a command, and the lines below it are its output. In those, `…` stands for any text in
a line, and a line that is only `…` for any number of lines. All commands of a document run in one shell, in their
order, so a variable that one of them sets is available to the next. In a block marked `console fails`, the last
command must end with an exit status other than 0. In a block marked `console measures`, whose figures depend on the
machine, a line that begins with ✅ stands for any line, and the exit status does not count.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_BLOCK = re.compile(r"^( *)```console( fails| measures)?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_PROMPT = "$ "
_ANYTHING = "…"
_VERDICT = re.compile(r"^✅.*$", re.MULTILINE)
_ANY_TEXT = "……"
"""Any text of one line; a line that is only one `…` would be any number of lines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A command in a document, and its expected output."""

    line: int
    command: str
    output: str
    fails: bool = False
    measures: bool = False

    def is_met_by(self, status: int, printed: str) -> bool:
        """Whether the exit status and what was printed are as the document says."""
        if self.measures:
            return matches(_VERDICT.sub(_ANY_TEXT, self.output), printed)
        return (status != 0) is self.fails and matches(self.output, printed)


def read_examples(document: str) -> list[Example]:
    """Return the examples of the document, in their order."""
    found: list[Example] = []
    for block in _BLOCK.finditer(document):
        margin, mark, text = block.groups()
        first_line = document.count("\n", 0, block.start()) + 2
        lines = [line.removeprefix(margin) for line in text.splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith(_PROMPT)]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            found.append(
                Example(
                    line=first_line + start,
                    command=lines[start].removeprefix(_PROMPT),
                    output="\n".join(lines[start + 1 : end]),
                    fails=mark == " fails" and start == starts[-1],
                    measures=mark == " measures",
                )
            )
    return found


def matches(expected: str, printed: str) -> bool:
    """Whether the printed lines are as expected. Blanks at the end of a line and empty last lines do not count."""
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    ends = {0}
    """How many printed lines the expected lines so far may stand for."""
    for line in expected.rstrip().splitlines():
        if line.strip() == _ANYTHING:
            ends = set(range(min(ends, default=len(lines) + 1), len(lines) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(lines) and _line_matches(line.rstrip(), lines[end])}
    return len(lines) in ends


def _line_matches(expected: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in re.split(f"{_ANYTHING}+", expected))
    return re.fullmatch(pattern, printed) is not None


class Shell:
    """A bash in which commands run one after the other."""

    def __init__(self, *, environment: Mapping[str, str], folder: Path) -> None:
        self._process = subprocess.Popen(
            ("/bin/bash", "--noprofile", "--norc"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, command: str, *, timeout_seconds: float) -> tuple[int, str]:
        """Return the exit status and the output of the command. Raises TimeoutError; the shell has then ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        end = f"end-{secrets.token_hex(8)}"
        timer = threading.Timer(timeout_seconds, self._process.kill)
        timer.start()
        try:
            stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %s\\n' {end} $?\n")
            stdin.flush()
            printed: list[str] = []
            for line in stdout:
                if line.startswith(f"{end} "):
                    return int(line.split()[1]), "".join(printed)
                printed.append(line)
        finally:
            timer.cancel()
        raise TimeoutError(f"no end within {timeout_seconds:g} s: {command}\n{''.join(printed)}")
