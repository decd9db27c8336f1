"""What the churches' staff ask of the API during a run: to send a message, or to have a schedule run now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.chaos.churches import Church
from tools.chaos.people import MAIL
from tools.chaos.posts import Post


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One request that makes one message, `post.at_seconds` after the start."""

    post: Post
    church: Church
    path: str
    body: Mapping[str, object]


def send(post: Post, *, church: Church, pictures: Sequence[str], began: datetime) -> Errand:
    """Send it, now or at its hour. `pictures`: URLs, as many as any message has."""
    body = composition(post, church=church, pictures=pictures)
    if post.waits_seconds:
        body["sendAt"] = (began + timedelta(seconds=post.at_seconds + post.waits_seconds)).isoformat()
    return Errand(post=post, church=church, path="/api/messages/send", body=body)


def run_now(post: Post, *, church: Church, schedule_id: str) -> Errand:
    """Send the schedule's message once more."""
    return Errand(post=post, church=church, path=f"/api/schedules/{schedule_id}/run-now", body={})


def composition(post: Post, *, church: Church, pictures: Sequence[str]) -> dict[str, object]:
    """The message and whom it is for, as the API takes them."""
    body: dict[str, object] = {
        "churchId": church.church_id,
        "channel": post.channel,
        "content": post.body,
        "targetType": "all",
    }
    if post.subject is not None:
        body["subject"] = post.subject
    if post.pictures:
        body["mediaUrls"] = list(pictures[: post.pictures])
    if not post.to_all and post.channel == MAIL:
        body |= {"targetType": "addresses", "emailAddresses": list(post.addresses)}
    elif not post.to_all:
        body |= {"targetType": "numbers", "phoneNumbers": list(post.addresses)}
    return body
