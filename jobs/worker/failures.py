"""The base class of job failures that an operator can fix. The text of the failure says how."""

from __future__ import annotations

from typing import Any


class FixableFailure(Exception):
    """An operator must fix the cause of the failure. It is shown and logged without a traceback, because it is no bug.

    The text is for the operator; `event` and `fields` make the log line.
    """

    def __init__(self, text: str, *, event: str, **fields: Any) -> None:
        super().__init__(text)
        self.event = event
        self.fields = fields
