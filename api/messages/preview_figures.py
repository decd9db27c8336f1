"""The figures of a preview: the encoding, the cost, the limits, the estimate and the examples."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any, Literal

from psycopg import Connection

from api.costs import Cost, shown_amount
from api.messages.composition import Composition
from api.messages.preview_responses import Estimate, PreviewExample, UsedLimit
from channels.registry import CHANNELS
from messaging.cheaper_text import uses_ucs2
from messaging.quiet_hours import Window
from messaging.send_estimate import TextingHours, estimate_end
from messaging.wall_time import find_zone
from store import previews
from store.daily_limits import Need
from store.merge_fields import StoredMergeFields
from store.previews import Circumstances, PreviewedRecipients

_EXAMPLES = 3


def encoding_of(
    draft: Composition, found: PreviewedRecipients, merge_fields: StoredMergeFields | None
) -> Literal["GSM-7", "UCS-2", "mixed"] | None:
    """Return the encoding of the texts; None on a channel where it does not matter."""
    if not CHANNELS[draft.channel].merge_rules.counts_segments:
        return None
    plain = draft.content if merge_fields is None else merge_fields["texts"][0]["format"]
    if uses_ucs2(plain) or (found.ucs2 and found.ucs2 == found.reached):
        return "UCS-2"
    return "mixed" if found.ucs2 else "GSM-7"


def cost_of(segments: int, per_segment: Decimal | None, currency: str | None) -> Cost | None:
    """Return what the segments cost; None without a price."""
    if per_segment is None or currency is None:
        return None
    return Cost(currency=currency, amount=shown_amount(segments * per_segment))


def used_limits(
    connection: Connection[Any], draft: Composition, need: Need | None, found: PreviewedRecipients
) -> list[UsedLimit]:
    """Return how the limits of the church stand to what is needed; none on a channel without limits."""
    if need is None:
        return []
    on_day, in_month = previews.counted(connection, church_id=draft.church_id, day=need.day)
    weight = CHANNELS[draft.channel].daily_limit_weight
    needed = max(need.segments, found.segments * weight)

    def used(name: Literal["daily", "monthly"], most: int, counted: int) -> UsedLimit:
        left = max(0, most - counted)
        beyond = max(0, found.segments * weight - left)
        people = ceil(found.reached * beyond / (found.segments * weight)) if beyond else 0
        return UsedLimit(limit=name, segments=most, left=left, needed=needed, beyond=people)

    daily = used("daily", need.daily_limit, on_day)
    return [daily] if need.monthly_quota is None else [daily, used("monthly", need.monthly_quota, in_month)]


def estimate_of(
    draft: Composition, found: PreviewedRecipients, around: Circumstances, send_at: datetime | None
) -> Estimate:
    """Return when the message would begin and be done."""
    hours = None
    if CHANNELS[draft.channel].keeps_quiet_hours and draft.urgent is None:
        window = Window(opens=around.window_opens, closes=around.window_closes)
        hours = TextingHours(window=window, zone=find_zone(around.time_zone))
    due_at = max(send_at or around.read_at, around.read_at, around.slowed_until or around.read_at)
    done_at = None
    if found.reached and not around.is_stopped:
        done_at = estimate_end(
            found.waves,
            begins_at=due_at,
            segments_before=around.segments_before,
            segments_per_second=around.segments_per_second,
            hours=hours,
        )
    begins_at = min((wave.begins_at or due_at for wave in found.waves), default=due_at)
    return Estimate(
        begins_at=begins_at,
        done_at=done_at,
        segments_before=around.segments_before,
        segments_per_second=around.segments_per_second,
        waits_for_quiet_hours=sum(wave.segments for wave in found.waves if wave.begins_at is not None),
    )


def chosen_examples(draft: Composition, found: PreviewedRecipients) -> list[PreviewExample]:
    """Return the examples, each recipient once."""
    has_encoding = CHANNELS[draft.channel].merge_rules.counts_segments
    examples = {each.contact_id: each for each in reversed(found.examples)}
    chosen = sorted(examples.values(), key=found.examples.index)[:_EXAMPLES]
    return [
        PreviewExample(
            contact_id=each.contact_id,
            content=each.content,
            details=dict(each.details),
            segments=each.segments,
            encoding=("UCS-2" if uses_ucs2(each.content) else "GSM-7") if has_encoding else None,
        )
        for each in chosen
    ]
