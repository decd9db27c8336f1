"""The merge fields of a draft: what is stored for them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from api.messages.composition import Draft
from api.messages.wait_reasons import Notice
from api.problems import FieldError
from channels.base import MergeRules
from channels.registry import CHANNELS
from messaging.contact_fields import BUILT_IN_FIELDS, MAX_VALUE_CHARACTERS
from messaging.merge_fields import MergeFieldError, MergeText, has_braces, parse
from store import contact_fields, merge_fields
from store.merge_fields import StoredMergeFields


def merge_texts(draft: Draft) -> Mapping[str, MergeText]:
    """Return the texts of a draft that may have merge fields, by their names in JSON; none if none of them has any."""
    known: dict[str, Any] = {**draft.details, "content": draft.content}
    texts: dict[str, str] = {name: known[name] for name in _rules(draft).longest if name in known}
    return {name: parse(text) for name, text in texts.items()} if any(map(has_braces, texts.values())) else {}


def stored_merge_fields(draft: Draft) -> StoredMergeFields | None:
    """Return what is stored for the merge fields of a draft; None if it has none."""
    texts, rules = merge_texts(draft), _rules(draft)
    if not texts:
        return None
    return merge_fields.to_store(
        texts, longest=rules.longest, needs_text=rules.needs_text, counts_segments=rules.counts_segments
    )


def count_segments(draft: Draft) -> int:
    """Return the segments of one delivery; with merge fields, those of the text with every field at its default."""
    texts = merge_texts(draft)
    return CHANNELS[draft.channel].count_segments(texts["content"].merge(None) if texts else draft.content)


def merge_field_errors(
    connection: Connection[Any], church_id: UUID, draft: Draft, *, keeps_fields: bool = True
) -> list[FieldError]:
    """Return an error for each text with a field that contacts of the church do not have.

    `keeps_fields` is as in unknown_field_errors().
    """
    return unknown_field_errors(connection, church_id, merge_texts(draft), keeps_fields=keeps_fields)


def unknown_field_errors(
    connection: Connection[Any], church_id: UUID, texts: Mapping[str, MergeText], *, keeps_fields: bool = True
) -> list[FieldError]:
    """Return an error for each of the texts with a field that contacts of the church do not have.

    `keeps_fields`: lock the fields, so that none is deleted before the texts are stored. False in a transaction that
    only reads.
    """
    used = {placed.field.name for text in texts.values() for placed in text.placed_fields}.difference(BUILT_IN_FIELDS)
    if not used:
        return []
    if keeps_fields and merge_fields.lock_fields(connection, church_id=church_id, fields=used) == used:
        return []
    return list(_unknown_fields(texts, contact_fields.names(connection, church_id=church_id)))


def length_warnings(connection: Connection[Any], church_id: UUID, draft: Draft) -> list[Notice]:
    """Return a warning for each text that values of the church's contacts may make longer than it may be.

    The values are only looked up if values of the greatest length would make it so.
    """
    warnings: list[Notice] = []
    for name, text in merge_texts(draft).items():
        most = _rules(draft).longest[name]
        fields = {placed.field.name for placed in text.placed_fields}
        if text.most_characters(dict.fromkeys(fields, MAX_VALUE_CHARACTERS)) <= most:
            continue
        longest = merge_fields.longest_values(connection, church_id=church_id, fields=fields)
        if (characters := text.most_characters(longest)) > most:
            message = (
                f"With the longest values of the church's contacts, {name} has {characters:,} characters. A recipient "
                f"for whom it has more than {most:,} gets nothing."
            )
            warnings.append(Notice(code="texts-too-long", message=message))
    return warnings


def _unknown_fields(texts: Mapping[str, MergeText], own_fields: list[str]) -> Iterator[FieldError]:
    for name, text in texts.items():
        try:
            text.check_fields(own_fields)
        except MergeFieldError as error:
            yield FieldError(field=name, message=str(error))


def _rules(draft: Draft) -> MergeRules:
    return CHANNELS[draft.channel].merge_rules
