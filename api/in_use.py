"""The refusal to delete what something else needs."""

from __future__ import annotations

from collections.abc import Sequence

from api import problems
from api.problems import RequestRefused
from store.references import Reference


def in_use(subject: str, needed_by: Sequence[Reference]) -> RequestRefused:
    """Return the refusal (409), which lists what needs the subject."""
    listed = ", ".join(f"the {each.kind} {each.reference_id}" for each in needed_by)
    return RequestRefused(problems.IN_USE, f"The {subject} is needed by {listed}.")
