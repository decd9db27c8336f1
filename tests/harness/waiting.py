"""Waits for a condition. On a timeout, the error shows the condition."""

from __future__ import annotations

import ast
import inspect
import linecache
import time
from collections.abc import Callable, Iterator
from types import CodeType


def wait_until(
    predicate: Callable[[], object],
    timeout_seconds: float = 30.0,
    *,
    pause_seconds: float = 0.02,
    condition: str | None = None,
) -> None:
    """Return as soon as the predicate is true.

    `condition` describes it in the error; without it, the error shows the predicate's source and variables.
    Raises TimeoutError.
    """
    deadline = time.monotonic() + timeout_seconds
    while not (value := predicate()):
        if time.monotonic() > deadline:
            awaited = condition or _describe(predicate)
            raise TimeoutError(f"waited {timeout_seconds:g} s for: {awaited} (the last value was {value!r})")
        time.sleep(pause_seconds)


def _describe(predicate: Callable[[], object]) -> str:
    """Return the source of the predicate and the values of the local variables that it reads."""
    code = getattr(predicate, "__code__", None)
    if not isinstance(code, CodeType):
        return repr(predicate)
    variables = inspect.getclosurevars(predicate).nonlocals
    listed = "".join(f"\n    {name} = {_shortened(value)}" for name, value in variables.items())
    return _source(code) + (f"\n  with{listed}\n " if listed else "")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"


def _source(code: CodeType) -> str:
    """Return the expression of a lambda, or the name of a function."""
    if code.co_name != "<lambda>":
        return f"{code.co_qualname}()" if hasattr(code, "co_qualname") else f"{code.co_name}()"
    text = "".join(linecache.getlines(code.co_filename))
    start, columns = code.co_firstlineno, [column for *_, column, _ in code.co_positions() if column is not None]
    for node in _lambdas(text):
        inside = node.body.lineno >= start and node.lineno == start
        if inside and node.body.col_offset in columns:
            return ast.get_source_segment(text, node.body) or code.co_name
    return f"the lambda in line {start} of {code.co_filename}"


def _lambdas(text: str) -> Iterator[ast.Lambda]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Lambda))
