"""The base of job failures that an operator can fix. Their text says how."""

from __future__ import annotations

from typing import Any


class PlainFailure(Exception):
    """Raised by a job that an operator must fix something for. Shown and logged without a traceback: it is no bug.

    The text is for the operator; `event` and `fields` make the log line.
    """

    def __init__(self, text: str, *, event: str, **fields: Any) -> None:
        super().__init__(text)
        self.event = event
        self.fields = fields
