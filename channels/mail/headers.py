"""Checks and renders the headers of a mail.

The header folding of the standard library (Python 3.11) has two faults that matter here:

- It folds long values into encoded words (RFC 2047) even in headers in which no mail reader decodes them.
- It loses the space between two encoded words of one text.
"""

from __future__ import annotations

import re
import unicodedata
from email.header import Header
from email.headerregistry import Address
from email.policy import EmailPolicy
from email.utils import formataddr
from typing import Any

UNFOLDED = frozenset({"list-unsubscribe", "list-unsubscribe-post", "message-id"})
"""Read by machines: rendered on one line. RFC 5322 allows lines of up to 998 characters."""
ADDRESS_HEADERS = frozenset({"from", "to", "reply-to"})

_NOT_ON_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, halves of surrogate pairs, line and paragraph separators."""
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[BQ]\?", re.IGNORECASE)
"""The start of an encoded word (RFC 2047). Mail readers decode it, and so does the standard library."""


def header_error(text: str) -> str | None:
    """What is wrong with a text for a header, such as a subject or a name; None when it can be used.

    Refuses everything that could end the header's line, before or after decoding: otherwise the message would be
    accepted and then fail for each recipient.
    """
    if any(unicodedata.category(character) in _NOT_ON_A_LINE for character in text):
        return "must be one line without control characters"
    if _ENCODED_WORD.search(text):
        return "must be plain text without encoded words such as =?utf-8?q?...?="
    return None


class PlainHeaders(EmailPolicy):
    """The standard library's policy, with its own rendering of some headers."""

    def fold(self, name: str, value: Any) -> str:
        return self._render(name, value) or super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self._render(name, value).encode("ascii") or super().fold_binary(name, value)

    def _render(self, name: str, value: Any) -> str:
        kind = name.lower()
        if kind in UNFOLDED:
            written = str(value)
        elif kind in ADDRESS_HEADERS:
            written = f",{self.linesep} ".join(self._render_address(name, address) for address in value.addresses)
        elif kind == "subject":
            written = self._render_text(name, str(value))
        else:
            return ""
        return f"{name}: {written}{self.linesep}"

    def _render_address(self, name: str, address: Address) -> str:
        if address.display_name.isascii():
            return formataddr((address.display_name, address.addr_spec))
        return f"{self._render_text(name, address.display_name)} <{address.addr_spec}>"

    def _render_text(self, name: str, text: str) -> str:
        """On lines of at most 76 characters, in encoded words only where needed."""
        plain = text.isascii() and "=?" not in text
        header = Header(text, "us-ascii" if plain else "utf-8", header_name=name, maxlinelen=76)
        return header.encode(linesep=self.linesep)


POLICY = PlainHeaders(linesep="\r\n")
