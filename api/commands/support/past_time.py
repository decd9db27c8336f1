"""The type of options that name a time in the past."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from api.commands.support.option_types import BadInput

_AGO = re.compile(r"([0-9]{1,5})([dhm])", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_FORM = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?", re.ASCII)


class PastTime(click.ParamType[datetime]):
    """A date (00:00 UTC), a time with an offset, or how long ago: 90m, 2h, 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ARG002 - click passes it
        if isinstance(value, datetime):
            return value
        try:
            if ago := _AGO.fullmatch(value):
                return datetime.now(UTC) - int(ago[1]) * _UNITS[ago[2]]
            if _FORM.fullmatch(value):
                time = datetime.fromisoformat(value)
                return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        option = param.opts[0] if param else "The value"
        raise BadInput(
            f"{option} must be a date such as 2027-01-01, a time such as 2027-01-01T09:00:00Z, or how long ago: 90m, "
            "2h or 7d."
        )
