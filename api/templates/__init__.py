"""The endpoints under /api/templates."""

from __future__ import annotations

from api.templates.creating import create_template
from api.templates.editing import change_template, delete_template
from api.templates.reading import get_template, list_templates

ENDPOINTS = (create_template, list_templates, get_template, change_template, delete_template)
