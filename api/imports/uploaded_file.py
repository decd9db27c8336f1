"""Reads the file that a request uploads, as a form or as the body itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import request

from api import authentication, problems
from api.problems import FieldError, RequestRefused
from messaging.contact_files.limits import MAX_FILE_BYTES
from messaging.contact_files.tables import XLSX_MEDIA_TYPE

FORM = "multipart/form-data"
MEDIA_TYPES = (
    FORM,
    "text/csv",
    XLSX_MEDIA_TYPE,
    "text/plain",
    "text/tab-separated-values",
    "application/vnd.ms-excel",
    "application/octet-stream",
)
_FORM_BYTES = 100_000
"""What a form may have beside the file."""
_LONGEST_NAME = 200
_UNSUITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedFile:
    name: str
    data: bytes


def read_file(*, stated_name: str | None) -> UploadedFile:
    """Return the file in the request. What it is, is seen by its content and not by its media type or name.

    Raises RequestRefused (415, 422) and werkzeug's RequestEntityTooLarge.
    """
    request.max_content_length = MAX_FILE_BYTES + _FORM_BYTES
    if request.mimetype == FORM:
        file = request.files.get("file")
        if file is None:
            error = FieldError(field="file", message="is required: the form has no file of this name")
            raise RequestRefused(problems.INVALID, "The form has no file.", errors=[error])
        found = UploadedFile(name=_base_name(stated_name or file.filename), data=file.read())
    elif request.mimetype in MEDIA_TYPES:
        found = UploadedFile(name=_base_name(stated_name), data=request.get_data(cache=False))
    else:
        detail = (
            f"Send the file as {FORM}, in the field `file`, or as the body itself, as text/csv or as {XLSX_MEDIA_TYPE}."
        )
        raise RequestRefused(problems.WRONG_MEDIA_TYPE, detail)
    authentication.confirm_caller()
    return found


def _base_name(name: str | None) -> str:
    """Return the name without folders, as it is shown. Nothing is ever opened by it."""
    base = re.split(r"[/\\]", name or "")[-1]
    return _UNSUITABLE.sub("", base).strip()[:_LONGEST_NAME] or "contacts"
