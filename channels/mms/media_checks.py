"""All that one message shows, looked at together and within a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from channels.base import TooManyChecks
from channels.mms import media
from channels.mms.media import Media
from channels.mms.media_probe import Look, Unseen
from channels.mms.media_urls import FIELD, BadUrl, read_place
from channels.mms.per_church_limits import ChurchPlaces, NoPlace

SECONDS = 5.0
"""For everything: names, connections, redirects and answers of all."""
MESSAGES_AT_ONCE = 8
"""Of one process. Half of a web process's threads: slow media servers never take them all."""
MESSAGES_OF_A_CHURCH = 2
"""Of those. A church whose media servers are slow leaves room for the others."""

_places = ChurchPlaces(total=MESSAGES_AT_ONCE, share=MESSAGES_OF_A_CHURCH)


def check(urls: Sequence[str], *, look: Look, church_id: UUID) -> Mapping[str, str]:
    """What is wrong with what is at the URLs, by names such as `mediaUrls[2]`. The URLs themselves are sound.

    Takes little longer than SECONDS. Raises TooManyChecks.
    """
    try:
        with _places.hold(church_id):
            return asyncio.run(_check(urls, look, church_id))
    except NoPlace as error:
        raise TooManyChecks(own=error.own_share, most=MESSAGES_OF_A_CHURCH) from None


async def _check(urls: Sequence[str], look: Look, church_id: UUID) -> Mapping[str, str]:
    looks = [asyncio.create_task(_look(url, look, church_id)) for url in urls]
    _, late = await asyncio.wait(looks, timeout=SECONDS)
    for each in late:
        each.cancel()
    if late:
        await asyncio.wait(late)
    complaints: dict[str, str] = {}
    seen: list[Media] = []
    for index, each in enumerate(looks):
        found = f"did not answer within {SECONDS:.0f} seconds: try again later" if each in late else each.result()
        if isinstance(found, Media):
            seen.append(found)
        else:
            complaints[f"{FIELD}[{index}]"] = found
    together = None if complaints else media.complaint_about_all(seen)
    return complaints if together is None else {FIELD: together}


async def _look(url: str, look: Look, church_id: UUID) -> Media | str:
    """What is there, or what is wrong with it."""
    try:
        found = await look.at(read_place(url), church_id=church_id)
    except (BadUrl, Unseen) as error:
        return str(error)
    return media.complaint(found) or found
