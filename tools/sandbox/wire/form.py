"""`application/x-www-form-urlencoded`, read quickly and written exactly."""

from functools import lru_cache
from urllib.parse import quote_plus, unquote_to_bytes

Form = dict[str, list[str]]
"""Every value of every field, in the order in which they came."""


def decode(raw: bytes) -> str:
    """One key or value as text; bytes that are not UTF-8 become U+FFFD."""
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode("utf-8", "replace")


_decode_key = lru_cache(maxsize=256)(decode)
_decode_repeated = lru_cache(maxsize=1024)(decode)
"""Bodies and senders come again and again; numbers and callback addresses do not."""

_REPEATED = frozenset((b"Body", b"From", b"MessagingServiceSid"))


def read_form(raw: bytes) -> Form:
    """The fields of a form or of a query string."""
    form: Form = {}
    if not raw:
        return form
    for field in raw.split(b"&"):
        key, _, value = field.partition(b"=")
        text = _decode_repeated(value) if key in _REPEATED else decode(value)
        form.setdefault(_decode_key(key), []).append(text)
    return form


def first(form: Form, key: str) -> str:
    """The first value of a field; empty if the field is missing."""
    values = form.get(key)
    return values[0] if values else ""


@lru_cache(maxsize=1024)
def encode_repeated(value: str) -> str:
    """A value that comes again and again, as it stands in a form."""
    return quote_plus(value)


def encode_number(value: str) -> str:
    """An address as it stands in a form: an E.164 number costs one replacement."""
    return value.replace("+", "%2B").replace(":", "%3A")
