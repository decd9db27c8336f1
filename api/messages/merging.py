"""The merge fields of a draft: what is stored for them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from api.messages.composition import Draft
from api.problems import FieldError
from channels.base import MergeRules
from channels.registry import CHANNELS
from messaging.merge_fields import MergeFieldError, MergeText, has_braces, parse
from store import merge_fields
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


def merge_field_errors(connection: Connection[Any], church_id: UUID, draft: Draft) -> list[FieldError]:
    """Return an error for each text with a field that contacts of the church do not have."""
    texts = merge_texts(draft)
    return list(_unknown_fields(texts, merge_fields.list_contact_fields(connection, church_id))) if texts else []


def _unknown_fields(texts: Mapping[str, MergeText], own_fields: list[str]) -> Iterator[FieldError]:
    for name, text in texts.items():
        try:
            text.check_fields(own_fields)
        except MergeFieldError as error:
            yield FieldError(field=name, message=str(error))


def _rules(draft: Draft) -> MergeRules:
    return CHANNELS[draft.channel].merge_rules
