"""A command whose module is imported when it is run: `flask --help` would otherwise import the whole service."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import click

_FOLDER = Path(__file__).parents[1]


class LazyCommand(click.Command):
    """Stands for the command `module` of the module `api.commands.<module>`. Its name has hyphens: `check-redis`."""

    def __init__(self, module: str) -> None:
        super().__init__(module.replace("_", "-"))
        self._module = module

    def load(self) -> click.Command:
        """Import the module and return the command itself."""
        command: click.Command = getattr(importlib.import_module(f"api.commands.{self._module}"), self._module)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the command itself, so that it parses the arguments, shows its help and runs."""
        return self.load().make_context(info_name, args, parent, **extra)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the command's docstring, read from its file without importing it."""
        tree = ast.parse((_FOLDER / f"{self._module}.py").read_text())
        [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == self._module]
        return click.Command(self.name, help=ast.get_docstring(function)).get_short_help_str(limit)
