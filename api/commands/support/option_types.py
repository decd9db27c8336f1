"""The types of the commands' options. Invalid input ends a command with one line and exit status 2."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import click

from channels.mail.headers import header_error
from channels.sms.messaging_service import messaging_service_error
from messaging.addresses import InvalidEmail, InvalidPhone, parse_email, parse_phone
from messaging.keyword_replies import MAX_REPLY_CHARACTERS
from messaging.number_regions import REGIONS
from messaging.quiet_hours import Window
from messaging.wall_time import zone_names

DEFAULT = "default"
"""The value by which an option restores the default from the settings."""
RESTORE_DEFAULT = -1
"""Stands for DEFAULT in options whose value is a number."""
NONE = "none"
"""The value by which an option removes what was set."""
NO_QUOTA = -1
"""Stands for NONE in a number of segments."""
MAX_NAME_CHARACTERS = 200
_HOURS = re.compile(r"(\d{2}):([0-5]\d)-(\d{2}):([0-5]\d)", re.ASCII)
_MAX_EVIDENCE_CHARACTERS = 2000
_DAYS = re.compile(r"([0-9]{1,5})d")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class BadInput(click.ClickException):
    """Invalid input. It is reported in one line, without click's usage text."""

    exit_code = 2


class Text(click.ParamType[str]):
    """Text that is not blank."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        if not text:
            raise BadInput(f"{_option(param)} must not be empty.")
        return text


class Name(Text):
    """The name of a church or of a sender, which mails show before the address."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        if len(text) > MAX_NAME_CHARACTERS:
            raise BadInput(f"{_option(param)} must have at most {MAX_NAME_CHARACTERS} characters.")
        if error := header_error(text):
            raise BadInput(f"{_option(param)} {error}.")
        return text


class Phone(click.ParamType[str]):
    """A phone number, converted to E.164."""

    name = "phone number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).startswith("+"):
            raise BadInput(f"{_option(param)} must be in international form, such as +12025550123.")
        try:
            return parse_phone(value)
        except InvalidPhone as error:
            raise BadInput(f"{_option(param)} {error}.") from error


class Address(click.ParamType[str]):
    """A phone number or an e-mail address, in the form in which it is stored."""

    name = "phone number or e-mail address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return (Email() if "@" in str(value) else Phone()).convert(value, param, ctx)


class Evidence(Text):
    """The evidence for an opt-out or opt-in, which is stored."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        if len(text) > _MAX_EVIDENCE_CHARACTERS:
            raise BadInput(f"{_option(param)} must have at most {_MAX_EVIDENCE_CHARACTERS} characters.")
        return text


class ReplyText(Text):
    """The text with which the service answers a keyword, or `default`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        if len(text) > MAX_REPLY_CHARACTERS:
            raise BadInput(f"{_option(param)} must have at most {MAX_REPLY_CHARACTERS} characters.")
        return text


class Email(click.ParamType[str]):
    """An e-mail address."""

    name = "e-mail address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_email(value)
        except InvalidEmail as error:
            raise BadInput(f"{_option(param)} {error}.") from error


class MessagingService(click.ParamType[str]):
    """The id (SID) of a messaging service of the carrier."""

    name = "SID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if error := messaging_service_error(value):
            raise BadInput(f"{_option(param)} {error}.")
        return value


class TimeZone(click.ParamType[str]):
    """The name of a zone in the IANA time zone database."""

    name = "time zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in zone_names():
            raise BadInput(f"{_option(param)} must be a time zone such as America/New_York.")
        return value


class TextingHours(click.ParamType[Window]):
    """The hours in which people may be texted, such as 08:00-21:00."""

    name = "HH:MM-HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Window:
        if isinstance(value, Window):
            return value
        found = _HOURS.fullmatch(value)
        opens_hour, opens_minute, closes_hour, closes_minute = map(int, found.groups()) if found else (0, 0, 0, 0)
        try:
            return Window(opens=60 * opens_hour + opens_minute, closes=60 * closes_hour + closes_minute)
        except ValueError as error:
            raise BadInput(
                f"{_option(param)} must be two times of a day, such as 08:00-21:00; 00:00-24:00 allows every hour."
            ) from error


class Pace(click.ParamType[float]):
    """Segments per second, above 0."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            pace = float(value)
        except ValueError:
            pace = 0.0
        if not (math.isfinite(pace) and pace > 0):
            raise BadInput(f"{_option(param)} must be a number above 0.")
        return pace


class Expiry(click.ParamType[datetime]):
    """When something expires: at 00:00 UTC of a date, or after a number of days."""

    name = "date or days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC)
        try:
            days = _DAYS.fullmatch(value)
            ends = now + timedelta(days=int(days[1])) if days else _start_of_date(value)
        except (ValueError, OverflowError):
            ends = None
        if ends is None:
            raise BadInput(f"{_option(param)} must be a date such as 2027-01-01, or a number of days such as 90d.")
        if ends <= now:
            raise BadInput(f"{_option(param)} must be in the future.")
        return ends


class Regions(click.ParamType[tuple[str, ...]]):
    """Region codes such as US,CA,PR. `default` becomes an empty tuple: the regions of the settings."""

    name = "CODES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple) or value == DEFAULT:
            return ()
        codes = tuple(dict.fromkeys(code.strip().upper() for code in str(value).split(",")))
        if unknown := [code for code in codes if code not in REGIONS]:
            raise BadInput(
                f"{_option(param)} contains unknown regions ({', '.join(unknown)}): use ISO 3166 codes such as "
                f"US,CA,PR, or {DEFAULT}."
            )
        return codes


class DailySegments(click.ParamType[int]):
    """A number of segments per day. `default` becomes RESTORE_DEFAULT: the limit of the settings."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == DEFAULT:
            return RESTORE_DEFAULT
        if not re.fullmatch(r"\d{1,12}", str(value), re.ASCII):
            raise BadInput(f"{_option(param)} must be a whole number, 0 or more, or {DEFAULT}.")
        return int(value)


class MonthlySegments(click.ParamType[int]):
    """A number of segments per month. `none` becomes NO_QUOTA."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == NONE:
            return NO_QUOTA
        if not re.fullmatch(r"\d{1,12}", str(value), re.ASCII):
            raise BadInput(f"{_option(param)} must be a whole number, 0 or more, or {NONE}.")
        return int(value)


class Price(click.ParamType[Decimal]):
    """An exact price, such as 0.0079. `none` becomes the decimal NaN."""

    name = "price"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        if value == NONE:
            return Decimal("NaN")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", str(value), re.ASCII):
            raise BadInput(f"{_option(param)} must be a price such as 0.0079, with at most 6 decimals, or {NONE}.")
        return Decimal(str(value))


class Currency(click.ParamType[str]):
    """A currency, as in ISO 4217."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        code = str(value).upper()
        if not re.fullmatch(r"[A-Z]{3}", code, re.ASCII):
            raise BadInput(f"{_option(param)} must be a code of three letters, such as USD.")
        return code


class Day(click.ParamType[date]):
    """A date such as 2027-01-01."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            day = date.fromisoformat(value) if _DATE.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None or not 2000 <= day.year <= 2100:
            raise BadInput(f"{_option(param)} must be a date such as 2027-01-01.")
        return day


class Month(click.ParamType[date]):
    """A month such as 2026-11: its first day."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", str(value), re.ASCII):
            raise BadInput(f"{_option(param)} must be a month such as 2026-11.")
        return date.fromisoformat(f"{value}-01")


class ChurchId(click.ParamType[UUID]):
    """The id of a church."""

    name = "UUID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        try:
            return UUID(str(value))
        except ValueError as error:
            raise BadInput(f"{_option(param)} must be the UUID of a church.") from error


def _start_of_date(date: str) -> datetime | None:
    return datetime.fromisoformat(date).replace(tzinfo=UTC) if _DATE.fullmatch(date) else None


def _option(param: click.Parameter | None) -> str:
    return param.opts[0] if param else "The value"
