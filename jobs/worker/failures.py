"""Failures of jobs that an operator can fix, and whose text says how."""

from __future__ import annotations

from typing import Any


class PlainFailure(Exception):
    """Shown among the failed jobs and as one log line, without a traceback: the code is not at fault.

    The text is for the operator; `event` and `fields` make the log line.
    """

    def __init__(self, text: str, *, event: str, **fields: Any) -> None:
        super().__init__(text)
        self.event = event
        self.fields = fields
