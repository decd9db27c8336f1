"""The warnings of a preview: about the text, and about what would keep people from getting it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from api.messages.composition import Draft
from api.messages.preview_responses import PreviewWarning
from api.messages.wait_reasons import Notice
from channels.registry import CHANNELS
from messaging.addresses import AddressKind
from messaging.text_warnings import text_warnings
from store.merge_fields import StoredMergeFields
from store.previews import PreviewedRecipients


def preview_warnings(
    draft: Draft,
    recipients: PreviewedRecipients,
    *,
    count_segments: Callable[[str], int],
    church_name: str,
    merge_fields: StoredMergeFields | None,
    notices: Sequence[Notice],
) -> list[PreviewWarning]:
    """Return the warnings, those first that matter most.

    `draft` has its own URLs, so that a suggestion can be sent as it is. `count_segments` returns the segments of such a
    text as it would be sent.
    """
    warnings = [PreviewWarning(code=each.code, message=each.message, suggestion=None) for each in notices]
    warnings += _missing_fields(recipients, merge_fields)
    if CHANNELS[draft.channel].address_kind is AddressKind.PHONE:
        found = text_warnings(
            draft.content,
            church_name=church_name,
            count_segments=count_segments,
            sample=recipients.examples[0].content if recipients.examples else None,
        )
        warnings += [PreviewWarning(code=each.code, message=each.message, suggestion=each.suggestion) for each in found]
    return warnings


def _missing_fields(
    recipients: PreviewedRecipients, merge_fields: StoredMergeFields | None
) -> Iterator[PreviewWarning]:
    """Yield a warning for each field that is empty for somebody. One with a default is empty for nobody."""
    people: dict[str, int] = {}
    for place, count in recipients.missing.items():
        name = merge_fields["fields"][place]["name"] if merge_fields else ""
        people[name] = max(people.get(name, 0), count)
    for name, count in sorted(people.items()):
        yield PreviewWarning(
            code="fields-missing",
            message=(
                f"{count:,} of {recipients.reached:,} people have no {name}: nothing stands in its place. A default "
                f"helps, such as {{{{{name}|friend}}}}."
            ),
            suggestion=None,
        )
