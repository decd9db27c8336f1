"""Public link shorteners. Carriers filter texts with their links, because anyone can hide any URL behind them."""

from __future__ import annotations

import re

PUBLIC_SHORTENERS = frozenset(
    {
        "adf.ly",
        "alturl.com",
        "bc.vc",
        "bit.do",
        "bit.ly",
        "bitly.com",
        "bitly.ws",
        "bl.ink",
        "budurl.com",
        "buff.ly",
        "cutt.ly",
        "dub.sh",
        "goo.gl",
        "is.gd",
        "lnkd.in",
        "ow.ly",
        "qrco.de",
        "rb.gy",
        "rebrand.ly",
        "short.gy",
        "shorturl.at",
        "shrtco.de",
        "soo.gd",
        "t.co",
        "t.ly",
        "tiny.cc",
        "tinyurl.com",
        "v.gd",
    }
)
"""Domains that anyone may use. Of those that Twilio names (shared public URL shorteners, such as TinyUrl and Bitly:
https://support.twilio.com/hc/en-us/articles/1260804572090) and that resellers report as blocked by US carriers
(https://upccell.zendesk.com/hc/en-us/articles/35150610082323), the ones that shorten links for everybody."""

_HOST_WITH_PATH = re.compile(
    r"(?<![\w@./-])(?:https?://)?(?:www\.)?((?:[a-z0-9-]{1,63}\.){1,3}[a-z]{2,10})/", re.IGNORECASE
)


def public_shorteners(text: str) -> list[str]:
    """Returns the public shorteners that links in a text lead to, each once, with or without https:// before them."""
    hosts = dict.fromkeys(found[1].lower() for found in _HOST_WITH_PATH.finditer(text))
    return [host for host in hosts if host in PUBLIC_SHORTENERS]
