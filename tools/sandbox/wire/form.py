"""Decodes and encodes `application/x-www-form-urlencoded`."""

from functools import lru_cache
from urllib.parse import quote_plus, unquote_to_bytes

Form = dict[str, list[str]]
"""The values of each field, in the order in which they were sent."""


def decode(raw: bytes) -> str:
    """Return one key or value as text; bytes that are not UTF-8 become U+FFFD."""
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode("utf-8", "replace")


_decode_key = lru_cache(maxsize=256)(decode)
_decode_repeated = lru_cache(maxsize=1024)(decode)
"""Bodies and senders repeat, so they are cached; recipients and callback URLs do not."""

_REPEATED = frozenset((b"Body", b"From", b"MessagingServiceSid"))


def read_form(raw: bytes) -> Form:
    """Return the fields of a form or of a query string."""
    form: Form = {}
    if not raw:
        return form
    for field in raw.split(b"&"):
        key, _, value = field.partition(b"=")
        text = _decode_repeated(value) if key in _REPEATED else decode(value)
        form.setdefault(_decode_key(key), []).append(text)
    return form


def first(form: Form, key: str) -> str:
    """Return the first value of a field, or an empty string if the field is missing."""
    values = form.get(key)
    return values[0] if values else ""


@lru_cache(maxsize=1024)
def encode_repeated(value: str) -> str:
    """Return a value that repeats, encoded for a form."""
    return quote_plus(value)


def encode_number(value: str) -> str:
    """Return a number encoded for a form. Two replacements are faster than quote_plus()."""
    return value.replace("+", "%2B").replace(":", "%3A")
