"""The requests that the clients make during a run: to send a message, or to run a schedule now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.chaos.parameters import MAIL
from tools.chaos.workload.audiences import EXCLUDED_GROUP, GROUPS
from tools.chaos.workload.churches import Church
from tools.chaos.workload.planned_messages import PlannedMessage, Target


@dataclass(frozen=True, kw_only=True)
class PlannedRequest:
    """A POST that creates one message, `message.at_seconds` after the start."""

    message: PlannedMessage
    church: Church
    path: str
    body: Mapping[str, object]


def send_request(
    message: PlannedMessage, *, church: Church, pictures: Sequence[str], began: datetime
) -> PlannedRequest:
    """A request to send the message, at once or at its `sendAt`. `pictures`: URLs, at least as many as it has."""
    body = message_body(message, church=church, pictures=pictures)
    if message.delay_seconds:
        body["sendAt"] = (began + timedelta(seconds=message.at_seconds + message.delay_seconds)).isoformat()
    return PlannedRequest(message=message, church=church, path="/api/messages/send", body=body)


def run_now_request(message: PlannedMessage, *, church: Church, schedule_id: str) -> PlannedRequest:
    """A request to run the schedule now, which creates the message."""
    return PlannedRequest(message=message, church=church, path=f"/api/schedules/{schedule_id}/run-now", body={})


def message_body(message: PlannedMessage, *, church: Church, pictures: Sequence[str]) -> dict[str, object]:
    """The message and its target as JSON for the API."""
    body: dict[str, object] = {
        "churchId": church.church_id,
        "channel": message.channel,
        "content": message.body,
        "targetType": "all",
    }
    if message.subject is not None:
        body["subject"] = message.subject
    if message.pictures:
        body["mediaUrls"] = list(pictures[: message.pictures])
    if message.target is Target.GROUPS:
        body |= {"targetType": "groups", "groupIds": [church.groups[name] for name in GROUPS]}
        if EXCLUDED_GROUP in church.groups:
            body["excludeGroupIds"] = [church.groups[EXCLUDED_GROUP]]
    elif message.target is Target.LIST and message.channel == MAIL:
        body |= {"targetType": "addresses", "emailAddresses": list(message.addresses)}
    elif message.target is Target.LIST:
        body |= {"targetType": "numbers", "phoneNumbers": list(message.addresses)}
    return body
