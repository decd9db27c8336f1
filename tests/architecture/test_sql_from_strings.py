"""Nobody's string becomes SQL: the type check refuses it, and nothing in the product goes around the type check."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from tests.architecture.source_files import ROOT, SourceFile, product

WAYS_AROUND = {
    # The queries are read from files that are shipped with the code.
    ("store/sql.py", "cast(LiteralString"),
    # Two statements in one round trip take no parameters; a UUID's hexadecimal digits need no quoting.
    ("store/database.py", "% church_id.hex.encode()"),
    # Names that stand in the code, and numbers.
    ("store/timeouts.py", "% (name.encode(), round(1000 * seconds))"),
}
NOT_FOR_A_CHURCH = ("tools/",)
"""They serve no church; tools/local/postgres.py makes roles and databases by their names."""
_EXECUTE = {"execute", "executemany", "stream", "copy"}

SNIPPET = """
from typing import Any
from psycopg import Connection

def by_parameter(connection: Connection[Any], name: str) -> None:
    connection.execute("SELECT 1 FROM churches WHERE name = %(name)s", {"name": name})

def by_string(connection: Connection[Any], name: str) -> None:
    connection.execute(f"SELECT 1 FROM churches WHERE name = '{name}'")
"""


def test_the_type_check_refuses_sql_made_of_strings(tmp_path: Path) -> None:
    file = tmp_path / "snippet.py"
    file.write_text(SNIPPET)
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps({"include": [str(file)], "typeCheckingMode": "strict"}))
    done = subprocess.run(
        (sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(config)),
        capture_output=True,
        text=True,
        check=False,
    )

    found = {
        (finding["rule"], finding["range"]["start"]["line"])
        for finding in json.loads(done.stdout)["generalDiagnostics"]
        if finding["severity"] == "error"
    }
    bad_line = SNIPPET.splitlines().index(next(line for line in SNIPPET.splitlines() if "{name}" in line))
    assert ("reportArgumentType", bad_line) in found or ("reportCallIssue", bad_line) in found
    assert {line for _, line in found} == {bad_line}


def test_nothing_goes_around_the_type_check() -> None:
    around = {
        (file.name, way)
        for file in product()
        if not file.name.startswith(NOT_FOR_A_CHURCH) and ("psycopg" in file.text or "LiteralString" in file.text)
        for way in _ways_around(file)
    }

    unexpected = {
        (name, way) for name, way in around if not any(name == known and part in way for known, part in WAYS_AROUND)
    }
    assert unexpected == set()
    assert len(around) == len(WAYS_AROUND)  # what is listed above is still there


def test_the_type_check_reads_all_of_the_product() -> None:
    settings = (ROOT / "pyproject.toml").read_text().partition("[tool.pyright]")[2].partition("\n[")[0]

    assert 'typeCheckingMode = "strict"' in settings
    assert {file.name.partition("/")[0] for file in product()} - {"gunicorn.conf.py"} <= set(
        json.loads(settings.partition("include = ")[2].partition("]")[0] + "]")
    )


def _ways_around(file: SourceFile) -> list[str]:
    """Casts to LiteralString, psycopg's own composing of SQL, and bytes that are put together."""
    ways = list[str]()
    for node in file.nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "cast" and "LiteralString" in ast.unparse(node):
            ways.append(ast.unparse(node))
        if isinstance(node, ast.ImportFrom) and node.module == "psycopg" and "sql" in {a.name for a in node.names}:
            ways.append(ast.unparse(node))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add) and ".encode()" in ast.unparse(node):
            ways.append(ast.unparse(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _EXECUTE:
            ways += [ast.unparse(part) for part in node.args if ".encode(" in ast.unparse(part)]
    return ways
