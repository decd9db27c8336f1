"""What the headings of columns mean: the usual names in English and Spanish."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

from messaging.contact_fields import MAX_FIELD_NAME_CHARACTERS, RESERVED_FIELDS, is_own_field_name

Target = Literal[
    "ignore",
    "name",
    "firstName",
    "lastName",
    "phone",
    "email",
    "timeZone",
    "optedOut",
    "textsOptedOut",
    "mailOptedOut",
    "textsAllowed",
    "field",
]
"""What a column is taken for. `field` is a field of the church's own; "no" in `textsAllowed` is an opt-out of texts."""

_HEADINGS: Mapping[Target, tuple[str, ...]] = {
    "phone": (
        *("mobile phone", "cell phone", "mobile", "cell", "mobile number", "cell number", "mobile phone number"),
        *("cell phone number", "cellphone", "mobile phone no", "sms", "sms number", "text number"),
        *("phone", "phone number", "phone no", "primary phone", "telephone", "telephone number", "tel", "phone 1"),
        *("phone 1 value", "contact number", "number"),
        *("telefono movil", "telefono celular", "celular", "movil", "numero de celular", "numero de movil"),
        *("numero de telefono", "telefono", "tel movil"),
        *("home phone", "home phone number", "telefono de casa", "work phone"),
    ),
    "email": (
        *("email", "e mail", "email address", "e mail address", "primary email", "personal email", "email 1", "mail"),
        *("e mail 1 value", "correo electronico", "correo", "direccion de correo electronico", "home email"),
    ),
    "name": (
        *("name", "full name", "fullname", "display name", "contact name", "member name", "member", "contact"),
        *("nombre completo", "nombre y apellido", "nombre y apellidos", "persona"),
    ),
    "firstName": (
        *("first name", "first", "firstname", "given name", "forename", "preferred name"),
        *("nombre", "nombres", "primer nombre"),
    ),
    "lastName": ("last name", "last", "lastname", "surname", "family name", "apellido", "apellidos"),
    "timeZone": ("time zone", "timezone", "zona horaria"),
    "optedOut": ("opted out", "opt out", "do not contact", "unsubscribed", "no contactar"),
    "textsOptedOut": ("texts opted out", "do not text", "no texts", "no text", "sms opt out", "sms opted out"),
    "mailOptedOut": (
        "mail opted out",
        "email opted out",
        "e mail opted out",
        "email opt out",
        "do not email",
        "unsub time",
    ),
    "textsAllowed": (
        *(
            "ok to text",
            "okay to text",
            "can text",
            "may text",
            "text ok",
            "texting ok",
            "texts allowed",
            "text opt in",
        ),
        *("sms opt in", "sms opted in", "texts opted in", "sms consent", "text consent"),
    ),
}
_BY_HEADING: Mapping[str, tuple[Target, int]] = {
    heading: (target, rank) for target, headings in _HEADINGS.items() for rank, heading in enumerate(headings)
}


def known_target(heading: str) -> tuple[Target, int] | None:
    """Return what the heading means and its rank among the headings that mean the same, the best first."""
    return _BY_HEADING.get(" ".join(_words(heading)).lower())


def field_name(heading: str, *, column: int) -> str:
    """Return the name of a field for the heading in camelCase: `dateOfBirth`; `column3` if it has no letter."""
    if is_own_field_name(heading):
        return heading
    words = _words(heading)
    name = "".join([words[0].lower(), *(word[:1].upper() + word[1:].lower() for word in words[1:])]) if words else ""
    if not name:
        return f"column{column}"
    if not name[0].isalpha():
        name = f"field{name}"
    if name in RESERVED_FIELDS:
        name = f"{name}{column}"
    return name[:MAX_FIELD_NAME_CHARACTERS]


def _words(text: str) -> list[str]:
    """Return the words in ASCII: accents are removed, other characters separate words."""
    plain = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", plain)
