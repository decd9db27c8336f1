"""The fields of a contact in requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints, WithJsonSchema

from api import problems
from api.base_models import STORABLE, field_error
from api.problems import FieldError, RequestRefused
from messaging.contact_fields import MAX_FIELDS, MAX_VALUE_CHARACTERS, InvalidFieldName, check_field_name


def _check_name(name: str) -> str:
    try:
        return check_field_name(name)
    except InvalidFieldName as error:
        raise field_error(str(error)) from None


FieldName = Annotated[str, AfterValidator(_check_name), WithJsonSchema({"type": "string"})]
FieldValue = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_VALUE_CHARACTERS), STORABLE]


def too_many_fields(field: str) -> RequestRefused:
    """Return the refusal of a request whose `field` has names of fields beyond the limit."""
    error = FieldError(field=field, message=f"has new names, but a church may have {MAX_FIELDS} names of fields")
    return RequestRefused(problems.INVALID, "Some fields of the body have errors.", errors=[error])
