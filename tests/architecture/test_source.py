"""Habits that the product's files keep: small, one reader of the environment, aware times, SQL in one place."""

from __future__ import annotations

import ast
import re

from tests.architecture.source_files import product

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
READERS_OF_THE_ENVIRONMENT = {"settings.py", "gunicorn.conf.py", "tools/local/environment.py"}
WRITERS_OF_SQL = (
    "store/",
    "tools/local/postgres.py",
)  # the second makes the role and the database, before there is a schema
SQL = re.compile(r"\b(SELECT\b.+\bFROM|INSERT INTO|UPDATE\b.+\bSET|DELETE FROM|CREATE TABLE|ALTER TABLE)\b", re.DOTALL)
NAIVE = {"utcnow", "utcfromtimestamp"}
NAIVE_WITHOUT_ZONE = {"now": 1, "fromtimestamp": 2, "today": None}
"""Methods of datetime, and how many arguments they have when one is the time zone."""


def test_files_and_functions_are_small() -> None:
    assert {
        file.name: lines for file in product() if (lines := len(file.text.splitlines())) > MOST_LINES_OF_A_FILE
    } == {}
    assert {
        f"{file.name}: {node.name}": lines
        for file in product()
        for node in file.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    } == {}


def test_the_environment_is_read_in_one_place() -> None:
    readers = {
        file.name
        for file in product()
        for node in file.nodes
        for name in (getattr(node, "attr", None), *_imported(node))  # WSGI has an argument of that name
        if name in {"environ", "environb", "getenv", "getenvb"}
        if not (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "request")  # a request's WSGI environ
    }

    assert readers - READERS_OF_THE_ENVIRONMENT == set()


def test_times_are_aware_of_their_zone() -> None:
    naive = [
        f"{file.name}: {ast.unparse(node)}"
        for file in product()
        for node in file.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_naive(node)
    ]

    assert naive == []


def test_sql_is_written_in_the_store_only() -> None:
    written = [
        f"{file.name}: {node.value}"
        for file in product()
        if not file.name.startswith(WRITERS_OF_SQL)
        for node in file.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
    ]

    assert written == []


def _imported(node: ast.AST) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []


def _is_naive(call: ast.Call) -> bool:
    assert isinstance(call.func, ast.Attribute)
    method, owner = call.func.attr, ast.unparse(call.func.value)
    if method in NAIVE:
        return True
    if method not in NAIVE_WITHOUT_ZONE or owner not in {"datetime", "datetime.datetime", "date", "datetime.date"}:
        return False
    return len(call.args) + len(call.keywords) != NAIVE_WITHOUT_ZONE[method]
