"""The endpoints under /api/people: what is stored about one person, and its erasure."""

from __future__ import annotations

from api.people.erasing import erase_person
from api.people.exporting import export_person

ENDPOINTS = (export_person, erase_person)
