"""Short links: the redirect, the pages of links that do not work, and the clicks of a message."""

from __future__ import annotations

from api.links.listing import list_links

ENDPOINTS = (list_links,)
