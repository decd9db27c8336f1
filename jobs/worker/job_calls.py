"""The calls that a worker accepts: the functions of the job table, each with valid arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

from channels.registry import CHANNELS
from jobs.job_queue.job_kinds import JOBS, JobKind

KINDS: Mapping[str, JobKind] = {kind.path: kind for kind in JOBS}
_SHOWN_CHARACTERS = 80
_NONCE = re.compile(r"[0-9a-f]{16}")


class RefusedJob(Exception):
    """The job is not one of ours. Running it would let anyone who can write to Redis run code here."""


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


_CHECKS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "church_id": (_is_uuid, "a UUID"),
    "channel": (CHANNELS.__contains__, "a known channel"),
    "nonce": (lambda text: _NONCE.fullmatch(text) is not None, "16 hexadecimal digits"),
}
"""By parameter name: the check of an argument, and what the argument must be."""


def read_call(data: bytes) -> tuple[JobKind, list[str]]:
    """The kind of job and its arguments, from what RQ stores of a call. Imports nothing. Raises RefusedJob."""
    try:
        call: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise RefusedJob("its call cannot be read: it is not JSON") from None
    if not isinstance(call, list) or len(cast(list[Any], call)) != 4:
        raise RefusedJob("its call cannot be read: it is not a function with arguments")
    path, instance, arguments, keywords = cast(list[Any], call)
    kind = KINDS.get(path) if isinstance(path, str) else None
    if kind is None:
        raise RefusedJob(f"its function is not one of our jobs: {_shown(path)}")
    if instance is not None or keywords != {} or not isinstance(arguments, list):
        raise RefusedJob(f"{kind.name} takes positional arguments only")
    return kind, _checked(kind, cast(list[Any], arguments))


def _checked(kind: JobKind, arguments: list[Any]) -> list[str]:
    if len(arguments) != len(kind.parameters):
        raise RefusedJob(f"{kind.name} takes {len(kind.parameters)} arguments, not {len(arguments)}")
    for name, argument in zip(kind.parameters, arguments, strict=True):
        is_valid, expected = _CHECKS[name]
        if not isinstance(argument, str) or not is_valid(argument):
            raise RefusedJob(f"{kind.name} needs {expected} as {name}, not {_shown(argument)}")
    return arguments


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
