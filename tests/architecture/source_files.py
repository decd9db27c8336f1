"""The product's own Python files, read once."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("api", "channels", "jobs", "messaging", "metrics", "processes", "store")
TOOLS = ("tools/local", "tools/sandbox")
"""They keep the same habits."""


@dataclass(frozen=True)
class SourceFile:
    path: Path

    @property
    def name(self) -> str:
        """From the project's folder on, as people and reports write it."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text)))


@cache
def product() -> list[SourceFile]:
    """Everything that runs for a church, its sandbox and its local servers; tests and measurements are not in it."""
    files = [file for folder in (*FOLDERS, *TOOLS) for file in (ROOT / folder).rglob("*.py")]
    return [SourceFile(path) for path in sorted([*ROOT.glob("*.py"), *files])]
