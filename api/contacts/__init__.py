"""The endpoints under /api/contacts and /api/contact-fields."""

from __future__ import annotations

from api.contacts.editing import change_contact, delete_contact, delete_contacts
from api.contacts.exporting import export_contacts
from api.contacts.fields import delete_contact_field, list_contact_fields
from api.contacts.importing import add_contacts
from api.contacts.reading import get_contact, list_contacts

ENDPOINTS = (
    add_contacts,
    list_contacts,
    get_contact,
    change_contact,
    delete_contact,
    delete_contacts,
    list_contact_fields,
    delete_contact_field,
    export_contacts,
)
