"""The endpoints under /api/contacts."""

from __future__ import annotations

from api.contacts.exporting import export_contacts
from api.contacts.importing import add_contacts
from api.contacts.listing import list_contacts

ENDPOINTS = (add_contacts, list_contacts, export_contacts)
