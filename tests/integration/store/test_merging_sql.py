"""The SQL functions that merge texts give what the rules of messaging/ say, for arbitrary texts and contacts."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from messaging.merge_fields import MergeContact, MergeFieldError, MergeText, parse, plain_value
from messaging.segments import count_segments
from store.merge_fields import to_store
from tests.integration.store.ledger import Ledger


def repeated(parts: list[tuple[str, int]]) -> str:
    return "".join(character * count for character, count in parts)


def field(name: str, default: str) -> str:
    return f"{{{{{name}|{default}}}}}"


STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TRICKY = st.sampled_from("aé€[~^\f\n\x1b`’ж😀\uffff\U0001f468\u200dx ")
TEXTS = st.text(STORABLE, max_size=400) | st.lists(st.tuples(TRICKY, st.integers(1, 170)), max_size=6).map(repeated)
VALUES = st.text(STORABLE, max_size=30) | st.text(
    st.sampled_from("ab \t\n\r\x01\x1c\x85\x9f\xa0\u2028{}%$1"), max_size=12
)
CONTACTS = st.builds(
    MergeContact,
    name=VALUES,
    phone=st.none() | st.just("+12025550123"),
    email=st.none() | st.just("ruth@example.org"),
    fields=st.dictionaries(st.sampled_from(["campus", "firstName", "lastName"]), VALUES),
)
NAMES = st.sampled_from(["name", "firstName", "lastName", "phone", "email", "campus"])
PIECES = st.text(st.sampled_from("ab %$1s\n|}"), max_size=5) | st.builds(
    field, NAMES, st.text(st.sampled_from("ab %$"), max_size=5)
)
TEMPLATES = st.lists(PIECES, max_size=6).map("".join)
SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)


@pytest.fixture
def connection(ledger: Ledger) -> Iterator[psycopg.Connection]:
    with ledger.database.connection() as connection:
        yield connection


@SLOW
@given(content=TEXTS)
def test_segments_are_counted_as_by_the_rule(connection: psycopg.Connection, content: str) -> None:
    assert connection.execute("SELECT text_segments(%s)", [content]).fetchone() == (count_segments(content),)


@pytest.mark.parametrize("character", ["a", "€", "ж", "😀"])
def test_segments_are_counted_as_by_the_rule_at_every_length(connection: psycopg.Connection, character: str) -> None:
    texts = [mixed for n in range(330) for mixed in (character * n, "a" * n + character * 20, (character + "a") * n)]
    counted = connection.execute("SELECT text_segments(text) FROM unnest(%s::text[]) AS text", [texts]).fetchall()

    assert [segments for (segments,) in counted] == [count_segments(text) for text in texts]


@SLOW
@given(text=st.text(STORABLE) | VALUES)
def test_values_are_made_plain_as_by_the_rule(connection: psycopg.Connection, text: str) -> None:
    assert connection.execute("SELECT plain_value(%s)", [text]).fetchone() == (plain_value(text),)


@SLOW
@given(content=TEMPLATES, subject=TEMPLATES, contact=st.none() | CONTACTS)
def test_texts_are_merged_as_by_the_rule(
    connection: psycopg.Connection, content: str, subject: str, contact: MergeContact | None
) -> None:
    texts = {"content": parse(content), "subject": parse(subject)}

    merged, subject_merged, segments, reason = merge(connection, texts, contact)

    assert merged == texts["content"].merge(contact)
    assert subject_merged == texts["subject"].merge(contact)
    assert segments == count_segments(merged)
    assert reason is None


@SLOW
@given(content=st.text(st.sampled_from("{}|\\ anpme"), max_size=30), contact=CONTACTS)
def test_braces_are_read_as_by_the_rule(connection: psycopg.Connection, content: str, contact: MergeContact) -> None:
    try:
        text = parse(content)
    except MergeFieldError:
        return

    assert merge(connection, {"content": text}, contact)[0] == text.merge(contact)


@pytest.mark.parametrize(
    ("content", "subject", "reason"),
    [
        ("Hi {{campus}}", "News", None),
        ("Hi {{campus}} " + "a" * 95, "News", "text too long"),
        ("Hi", "{{campus}}" * 20, "text too long"),
        ("{{email}}", "News", "text is empty"),
        ("\u2003{{email}}\n", "News", "text is empty"),
        ("Hi", "{{email}}", "text is empty"),
    ],
)
def test_a_text_that_cannot_be_sent_has_a_reason(
    connection: psycopg.Connection, content: str, subject: str, reason: str | None
) -> None:
    texts = {"content": parse(content), "subject": parse(subject)}
    contact = MergeContact(name="Ruth", fields={"campus": "North"})

    assert merge(connection, texts, contact, longest=99, needs_text=True)[3] == reason


def merge(
    connection: psycopg.Connection,
    texts: dict[str, MergeText],
    contact: MergeContact | None,
    *,
    longest: int = 100_000,
    needs_text: bool = False,
) -> tuple[str, str | None, int, str | None]:
    """Returns the merged content and subject, the segments, and why it is not sent."""
    stored = Jsonb(to_store(texts, longest=dict.fromkeys(texts, longest), needs_text=needs_text, counts_segments=True))
    row = connection.execute(
        """
        SELECT delivery_content('', %(stored)s, merge_values),
               delivery_details('{}', %(stored)s, merge_values) ->> 'subject', segments, reason
        FROM merge_contact(%(stored)s, %(name)s, %(phone)s, %(email)s, %(fields)s)
        """,
        {
            "stored": stored,
            "name": contact and contact.name,
            "phone": contact and contact.phone,
            "email": contact and contact.email,
            "fields": contact and Jsonb(dict(contact.fields)),
        },
    ).fetchone()
    assert row is not None
    return row
