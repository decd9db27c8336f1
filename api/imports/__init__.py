"""The endpoints under /api/imports."""

from __future__ import annotations

from api.imports.changing import change_import
from api.imports.lifecycle import cancel_import, delete_import, start_import, undo_import
from api.imports.reading import get_import, get_import_report, list_imports
from api.imports.uploading import upload_import

ENDPOINTS = (
    upload_import,
    list_imports,
    get_import,
    change_import,
    delete_import,
    start_import,
    cancel_import,
    undo_import,
    get_import_report,
)
