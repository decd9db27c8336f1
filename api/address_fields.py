"""Field types for phone numbers and e-mail addresses. They accept any usual form and normalize it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from api.base_models import field_error
from messaging.addresses import InvalidEmail, InvalidPhone, parse_email, parse_phone


def _phone(text: str) -> str:
    try:
        return parse_phone(text)
    except InvalidPhone as error:
        raise field_error(str(error)) from None


def _email(text: str) -> str:
    try:
        return parse_email(text)
    except InvalidEmail as error:
        raise field_error(str(error)) from None


Phone = Annotated[str, AfterValidator(_phone)]
Email = Annotated[str, AfterValidator(_email)]
