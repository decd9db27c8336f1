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


def filled(characters: str, length: int, end: str, fields: str) -> str:
    """Returns a text that has about this length when it is merged."""
    return (characters * length)[: max(0, length - len(end) - 8)] + end + fields


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


FIELDS = st.sampled_from(["{{name}}", " {{name}}", "{{name}} {{name}}", "{{name}}{{campus|ab}}", "%{{email}}", ""])
FILLED = st.builds(
    filled,
    st.sampled_from(["a", "a\u20ac", "a\u0436", "\u0436", "\U0001f600", "a\U0001f600", "%"]),
    st.sampled_from([0, 70, 134, 160, 306]),
    st.text(TRICKY, max_size=6),
    FIELDS,
)


@SLOW
@given(content=FILLED, name=st.text(TRICKY, max_size=14), longest=st.integers(-9, 9), needs_text=st.booleans())
def test_texts_about_as_long_as_a_segment_or_as_allowed_are_counted_as_by_the_rule(
    connection: psycopg.Connection, content: str, name: str, longest: int, needs_text: bool
) -> None:
    text, contact = parse(content), MergeContact(name=name)
    expected = text.merge(contact)
    most = max(0, len(expected) + longest)

    merged, _, segments, reason = merge(connection, {"content": text}, contact, longest=most, needs_text=needs_text)

    assert merged == expected
    if len(expected) > most:
        assert reason == "text too long"
    elif needs_text and not expected.strip():
        assert reason == "text is empty"
    else:
        assert (segments, reason) == (count_segments(expected), None)


@pytest.mark.parametrize("character", ["a", "\u20ac", "\u0436", "\U0001f600"])
@pytest.mark.parametrize("fields", ["{{name}}", "{{name}}{{name}}"])
def test_merged_texts_of_every_length_are_counted_as_by_the_rule(
    connection: psycopg.Connection, character: str, fields: str
) -> None:
    longest = 250
    cases = [
        ("a" * shift + character * length, "b" * letters)
        for length in range(330)
        for shift in (0, 1)
        for letters in (0, 1, 4, 5)
    ]
    stored = [
        Jsonb(
            to_store(
                {"content": parse(plain + fields)}, longest={"content": longest}, needs_text=False, counts_segments=True
            )
        )
        for plain, _ in cases
    ]
    expected = [plain + name * fields.count("name") for plain, name in cases]

    counted = connection.execute(
        """
        SELECT segments, reason
        FROM unnest(%s::jsonb[], %s::text[]) WITH ORDINALITY AS text (stored, name, place)
        CROSS JOIN LATERAL merge_contact(stored, plan_merging(stored), name, NULL, NULL, NULL)
        ORDER BY place
        """,
        [stored, [name for _, name in cases]],
    ).fetchall()

    assert counted == [
        (None, "text too long") if len(text) > longest else (count_segments(text), None) for text in expected
    ]


def test_a_text_with_thousands_of_fields_is_merged(connection: psycopg.Connection) -> None:
    text = parse("".join(f"{{{{campus|{number}}}}}" for number in range(5000)))

    assert merge(connection, {"content": text}, None)[0] == text.merge(None)


def test_recipients_are_merged_within_the_query_and_not_by_a_call_for_each(connection: psycopg.Connection) -> None:
    plan = connection.execute(
        "EXPLAIN (VERBOSE) SELECT merged.* FROM messages JOIN contacts USING (church_id) "
        "CROSS JOIN LATERAL merge_contact(messages.merge_fields, plan_merging(messages.merge_fields), "
        "name, phone, email, fields) AS merged"
    ).fetchall()

    text = "\n".join(line for (line,) in plan)
    assert "jsonb_array_elements" in text
    assert "merge_contact" not in text and "contact_value" not in text


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
        FROM merge_contact(%(stored)s, plan_merging(%(stored)s), %(name)s, %(phone)s, %(email)s, %(fields)s)
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
