"""Failures of jobs that are expected now and then and say in plain words what is to be done."""

from __future__ import annotations

from typing import Any


class PlainFailure(Exception):
    """Seen among the failed jobs and in one line of the log, without a traceback: the code is not at fault.

    Its text is for the operator; `event` and `fields` are the line of the log.
    """

    def __init__(self, text: str, *, event: str, **fields: Any) -> None:
        super().__init__(text)
        self.event = event
        self.fields = fields
