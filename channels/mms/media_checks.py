"""Checks all media of one message together, within a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from channels.base import TooManyChecks
from channels.mms.media_limits import Media, media_error, total_size_error
from channels.mms.media_probe import MediaProbe, MediaUnavailable
from channels.mms.media_urls import FIELD, BadUrl, parse_url
from channels.per_church_limits import ChurchSlots, NoFreeSlot

TIMEOUT_SECONDS = 5.0
"""For all files of a message together: DNS, connections, redirects and responses."""
MAX_CONCURRENT_CHECKS = 8
"""In one process: half of a web process's threads, so that slow media servers never occupy all of them."""
MAX_CHECKS_PER_CHURCH = 2
"""In one process: a church with slow media servers leaves checks free for other churches."""

_LATE = f"did not answer within {TIMEOUT_SECONDS:.0f} seconds: try again later"
_slots = ChurchSlots(total=MAX_CONCURRENT_CHECKS, per_church=MAX_CHECKS_PER_CHURCH)


def check(urls: Sequence[str], *, probe: MediaProbe, church_id: UUID) -> Mapping[str, str]:
    """Field errors for the files at the URLs, by names such as `mediaUrls[2]`. The URLs themselves are valid.

    Takes little longer than TIMEOUT_SECONDS. Raises TooManyChecks.
    """
    try:
        with _slots.hold(church_id):
            return asyncio.run(_check(urls, probe, church_id))
    except NoFreeSlot as error:
        raise TooManyChecks(own=error.own, most=MAX_CHECKS_PER_CHURCH) from None


async def _check(urls: Sequence[str], probe: MediaProbe, church_id: UUID) -> Mapping[str, str]:
    tasks = [asyncio.create_task(_probe(url, probe, church_id)) for url in urls]
    _, late = await asyncio.wait(tasks, timeout=TIMEOUT_SECONDS)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
    errors: dict[str, str] = {}
    found_media: list[Media] = []
    for index, task in enumerate(tasks):
        found = task.result() if task not in late else _LATE
        if isinstance(found, Media):
            found_media.append(found)
        else:
            errors[f"{FIELD}[{index}]"] = found
    together = None if errors else total_size_error(found_media)
    return errors if together is None else {FIELD: together}


async def _probe(url: str, probe: MediaProbe, church_id: UUID) -> Media | str:
    """The file at the URL, or what is wrong with it."""
    try:
        found = await probe.fetch_media(parse_url(url), church_id=church_id)
    except (BadUrl, MediaUnavailable) as error:
        return str(error)
    return media_error(found) or found
