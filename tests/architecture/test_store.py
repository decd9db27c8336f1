"""What the store ships and what it runs are the same."""

from __future__ import annotations

import ast

import pytest

from store import migrate, sql
from store.schema import MIGRATIONS
from tests.architecture.source_files import ROOT, SourceFile
from tests.harness.named_queries import QUERY_FILES


def used(file: str) -> set[str]:
    """The names that the module beside a query file asks for."""
    nodes = SourceFile(ROOT / "store" / f"{file}.py").nodes
    return {
        node.slice.value
        for node in nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_SQL"
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }


@pytest.mark.parametrize("file", QUERY_FILES)
def test_every_named_query_is_used_and_every_used_name_exists(file: str) -> None:
    assert used(file) == set(sql.load(file))


@pytest.mark.parametrize("file", QUERY_FILES)
def test_every_query_names_its_columns(file: str) -> None:
    """Of tables: a list of parameters, or what the same query has named before, may be taken whole."""
    for name, query in sql.load(file).items():
        for part in query.split("SELECT *")[1:]:
            assert part.split()[:2] == ["FROM", "unnest("], name


def test_the_migrations_are_those_that_were_recorded() -> None:
    assert migrate.recorded_checksums() == migrate.checksums()
    assert migrate.checksums()


def test_the_migrations_follow_one_another() -> None:
    names = [name.removesuffix(".sql") for name in migrate.checksums()]

    for number, name in enumerate(names, start=1):
        text = (MIGRATIONS / f"{name}.sql").read_text()
        [depends] = [line for line in text.splitlines() if line.startswith("-- depends:")]
        assert name.startswith(f"{number:04}_")
        assert depends.removeprefix("-- depends:").split() == names[max(0, number - 2) : number - 1]
