"""What the commands take. Wrong input is answered with one line that says what is wrong, and exit status 2."""

from __future__ import annotations

import math
import re
import zoneinfo
from typing import Any
from uuid import UUID

import click

from messaging.addresses import InvalidEmail, InvalidPhone, parse_email, parse_phone

_MESSAGING_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


class BadInput(click.ClickException):
    """Shown as one line, without click's usage above it."""

    exit_code = 2


class Text(click.ParamType[str]):
    """Text that is not blank."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        if not text:
            raise BadInput(f"{_option(param)} must not be empty.")
        return text


class Phone(click.ParamType[str]):
    """A phone number; kept as E.164."""

    name = "phone number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).startswith("+"):
            raise BadInput(f"{_option(param)} must be in international form, such as +12025550123.")
        try:
            return parse_phone(value)
        except InvalidPhone as error:
            raise BadInput(f"{_option(param)} {error}.") from error


class Email(click.ParamType[str]):
    """An e-mail address."""

    name = "e-mail address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_email(value)
        except InvalidEmail as error:
            raise BadInput(f"{_option(param)} {error}.") from error


class MessagingService(click.ParamType[str]):
    """The SID of a Twilio Messaging Service."""

    name = "SID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _MESSAGING_SERVICE.fullmatch(value):
            raise BadInput(f"{_option(param)} must be MG and 32 hexadecimal digits.")
        return value


class TimeZone(click.ParamType[str]):
    """The name of a zone in the IANA time zone database."""

    name = "time zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in zoneinfo.available_timezones():
            raise BadInput(f"{_option(param)} must be a time zone such as America/New_York.")
        return value


class Pace(click.ParamType[float]):
    """Segments a second, more than none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            pace = float(value)
        except ValueError:
            pace = 0.0
        if not (math.isfinite(pace) and pace > 0):
            raise BadInput(f"{_option(param)} must be a number above 0.")
        return pace


class ChurchId(click.ParamType[UUID]):
    """The id of a church."""

    name = "UUID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        try:
            return UUID(str(value))
        except ValueError as error:
            raise BadInput(f"{_option(param)} must be the UUID of a church.") from error


def _option(param: click.Parameter | None) -> str:
    return param.opts[0] if param else "The value"
