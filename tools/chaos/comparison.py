"""The comparison of the carriers' ledgers with the product's, row by row. Pure: a function of what was read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tools.chaos.evidence import Evidence
from tools.chaos.findings import Finding, Wrong
from tools.chaos.mail_comparison import compare_mails
from tools.chaos.posts import Post
from tools.chaos.schedule_comparison import compare_schedules
from tools.chaos.staff import Accepted
from tools.chaos.tables import MessageRow
from tools.chaos.text_comparison import compare_texts


def compare(evidence: Evidence) -> list[Finding]:
    """Everything that is wrong, the worst first."""
    findings = [
        *_messages(evidence),
        *compare_texts(evidence),
        *compare_mails(evidence),
        *compare_schedules(evidence),
        *_counts(evidence),
    ]
    places = {wrong: place for place, wrong in enumerate(Wrong)}
    return sorted(findings, key=lambda finding: places[finding.wrong])


def _messages(evidence: Evidence) -> Iterator[Finding]:
    """Each accepted message is there once, as it was given, expanded, with its whole audience."""
    known = {message.message_id: message for message in evidence.messages}
    audiences: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for delivery in evidence.deliveries:
        audiences[delivery.message_id][delivery.address] += 1
    for accepted in evidence.accepted:
        name = _name(accepted)
        message = known.get(accepted.message_id)
        if message is None or not message.is_expanded:
            yield Finding(wrong=Wrong.LOST, what=f"{name} {'is not there' if message is None else 'is not expanded'}")
            continue
        if not _is_as_given(message, accepted.post):
            yield Finding(wrong=Wrong.MIXED_UP, what=f"{name} is not the one that was given")
        expected, found = Counter[str | None](accepted.post.addresses), audiences[accepted.message_id]
        for address in (expected - found).elements():
            yield Finding(wrong=Wrong.LOST, what=f"{name} has no delivery for {address}")
        for address in (found - expected).elements():
            yield Finding(wrong=Wrong.MIXED_UP, what=f"{name} has a delivery too many for {address}")
    open_ones = {d.message_id for d in evidence.deliveries if d.status in ("queued", "sending", "unknown")}
    for message in evidence.messages:
        if message.is_expanded and not message.is_completed and message.message_id not in open_ones:
            yield Finding(wrong=Wrong.UNCOMPLETED, what=f"message {message.message_id}")


def _name(accepted: Accepted) -> str:
    return f"{accepted.post.body!r} ({accepted.message_id})"


def _is_as_given(message: MessageRow, post: Post) -> bool:
    kept = (message.channel, message.body, message.subject, message.pictures)
    return kept == (post.channel, post.body, post.subject, post.pictures)


def _counts(evidence: Evidence) -> Iterator[Finding]:
    """What the API tells of each accepted message is what the rows say."""
    by_message: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for delivery in evidence.deliveries:
        by_message[delivery.message_id][delivery.status] += 1
    for accepted in evidence.accepted:
        told = evidence.api_counts.get(accepted.message_id)
        found = by_message[accepted.message_id]
        name = _name(accepted)
        if told is None:
            yield Finding(wrong=Wrong.COUNTS, what=f"the API does not know {name}")
            continue
        parts = Counter({status: told[status] for status in told if status != "audience" and told[status]})
        if parts != found or parts.total() != told["audience"]:
            yield Finding(wrong=Wrong.COUNTS, what=f"{name}: the API says {dict(told)}, the rows {dict(found)}")
