"""Compares what people wrote with what the product stored of it, and with its answers. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tools.chaos.comparison.compare_opt_outs import texts_by_person
from tools.chaos.comparison.consent_periods import Consent, consent_history
from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.product_tables import BROADCAST
from tools.chaos.workload.planned_writers import Words
from tools.chaos.workload.writers import WrittenText


def compare_inbound(snapshot: Snapshot) -> Iterator[Finding]:
    """Every difference between people's texts and the tables, and between their keywords and the answers."""
    yield from _compare_stored(snapshot)
    yield from _compare_consent(snapshot)
    yield from _compare_answers(snapshot)


def _compare_stored(snapshot: Snapshot) -> Iterator[Finding]:
    """Each text that was answered is stored once, for its church, and taken for what it is."""
    times = Counter(row.carrier_id for row in snapshot.inbound)
    written = {text.carrier_id: text for text in snapshot.written}
    for text in snapshot.written:
        if text.answered_at is not None and not times[text.carrier_id]:
            yield Finding(kind=FindingKind.LOST, text=f"{_name(text)} was answered and is not stored")
        if times[text.carrier_id] > 1:
            yield Finding(kind=FindingKind.DOUBLED, text=f"{_name(text)} is stored {times[text.carrier_id]} times")
    for row in snapshot.inbound:
        text = written.get(row.carrier_id)
        if text is None:
            yield Finding(
                kind=FindingKind.MISMATCHED, text=f"{row.text!r} of {row.phone} is stored, but nobody wrote it"
            )
            continue
        expected = (snapshot.churches[text.church].church_id, text.phone, text.text, _keyword(text))
        if (row.church_id, row.phone, row.text, row.keyword) != expected:
            stored = f"{row.keyword} {row.text!r} of {row.phone} to {row.church_id}"
            yield Finding(kind=FindingKind.MISMATCHED, text=f"{_name(text)} is stored as {stored}")


def _compare_consent(snapshot: Snapshot) -> Iterator[Finding]:
    """Each keyword that changed something is in the history once, in order, and the last one holds. Nothing else is."""
    events: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for event in snapshot.consent_events:
        events[event.church_id, event.address].append((event.event, event.carrier_id or event.source))
    opted_out = {(row.church_id, row.address) for row in snapshot.opt_outs}
    for person, texts in texts_by_person(snapshot).items():
        history, found = consent_history(texts), events.pop(person, [])
        name = f"{person[1]} of church {person[0]}"
        if history.events is not None and found != list(history.events):
            kind = FindingKind.LOST if len(found) < len(history.events) else FindingKind.MISMATCHED
            yield Finding(kind=kind, text=f"{name} has the history {found} instead of {list(history.events)}")
        expected = {Consent.OPTED_OUT: True, Consent.OPTED_IN: False}.get(history.at_end, person in opted_out)
        if (person in opted_out) != expected:
            kind = FindingKind.LOST if expected else FindingKind.MISMATCHED
            yield Finding(kind=kind, text=f"{name} is {history.at_end.value}, but the tables say otherwise")
        opted_out.discard(person)
    for church_id, address in {*opted_out, *events}:
        text = f"{address} of church {church_id} opted out or in, but wrote nothing"
        yield Finding(kind=FindingKind.MISMATCHED, text=text)


def _compare_answers(snapshot: Snapshot) -> Iterator[Finding]:
    """Each person gets one answer to STOP, START and the like, and one to HELP; others get none.

    All within a day. Whether an answer is at the carrier, and only once, is compared with those of all deliveries.
    """
    direct = {message.message_id: message.church_id for message in snapshot.messages if message.kind != BROADCAST}
    answers = Counter(
        (direct[each.message_id], each.address) for each in snapshot.deliveries if each.message_id in direct
    )
    for person, texts in texts_by_person(snapshot).items():
        found = answers.pop(person, 0)
        least, most = _count_answers([text for text in texts if text.answered_at is not None]), _count_answers(texts)
        if not least <= found <= most:
            kind = FindingKind.LOST if found < least else FindingKind.DOUBLED
            yield Finding(kind=kind, text=f"{person[1]} of church {person[0]} has {found} answers instead of {most}")
    for (church_id, address), found in answers.items():
        text = f"{address} of church {church_id} has {found} answers, but wrote nothing"
        yield Finding(kind=FindingKind.MISMATCHED, text=text)
    replies = Counter(row.reply_id for row in snapshot.inbound if row.reply_id is not None)
    for message_id in direct.keys() - replies.keys():
        yield Finding(kind=FindingKind.MISMATCHED, text=f"message {message_id} answers no text of a person")


def _count_answers(texts: Sequence[WrittenText]) -> int:
    words = {text.words for text in texts}
    return (Words.HELP in words) + (Words.OPT_OUT in words)


def _keyword(text: WrittenText) -> str | None:
    return None if text.words is Words.REPLY else text.words.value


def _name(text: WrittenText) -> str:
    return f"{text.text!r} of {text.phone} ({text.carrier_id})"
