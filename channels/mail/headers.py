"""What may stand in headers, and how they are written.

The standard library's own folding cannot be left to it (Python 3.11):

- What is longer than a line it folds into an encoded word (RFC 2047), also where no mail reader undoes that.
- Between two encoded words of one text it loses the space.
"""

from __future__ import annotations

import re
import unicodedata
from email.header import Header
from email.headerregistry import Address
from email.policy import EmailPolicy
from email.utils import formataddr
from typing import Any

WHOLE = frozenset({"list-unsubscribe", "list-unsubscribe-post", "message-id"})
"""For machines: on one line as they are. RFC 5322 allows lines of up to 998 characters."""
PEOPLE = frozenset({"from", "to", "reply-to"})

_NOT_ON_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, halves of surrogate pairs, line and paragraph separators."""
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[BQ]\?", re.IGNORECASE)
"""How an encoded word begins (RFC 2047). Whoever reads a header decodes it, our own library included."""


def header_complaint(text: str) -> str | None:
    """What is wrong with text that is to stand in a header, such as a subject or a name; None when it can.

    Whatever could end the header's line is refused, also where it would only after decoding: such text would be
    accepted for everyone and then fail for each recipient.
    """
    if any(unicodedata.category(character) in _NOT_ON_A_LINE for character in text):
        return "must be one line without control characters"
    if _ENCODED_WORD.search(text):
        return "must be written as it is to be read, without encoded words such as =?utf-8?q?...?="
    return None


class PlainHeaders(EmailPolicy):
    """The standard library's policy, but for how these headers are written."""

    def fold(self, name: str, value: Any) -> str:
        return self._written(name, value) or super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self._written(name, value).encode("ascii") or super().fold_binary(name, value)

    def _written(self, name: str, value: Any) -> str:
        kind = name.lower()
        if kind in WHOLE:
            written = str(value)
        elif kind in PEOPLE:
            written = f",{self.linesep} ".join(self._person(name, address) for address in value.addresses)
        elif kind == "subject":
            written = self._text(name, str(value))
        else:
            return ""
        return f"{name}: {written}{self.linesep}"

    def _person(self, name: str, address: Address) -> str:
        if address.display_name.isascii():
            return formataddr((address.display_name, address.addr_spec))
        return f"{self._text(name, address.display_name)} <{address.addr_spec}>"

    def _text(self, name: str, text: str) -> str:
        """On lines of at most 76 characters, in encoded words where it must be."""
        plain = text.isascii() and "=?" not in text
        header = Header(text, "us-ascii" if plain else "utf-8", header_name=name, maxlinelen=76)
        return header.encode(linesep=self.linesep)


POLICY = PlainHeaders(linesep="\r\n")
