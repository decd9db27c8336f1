"""Merge fields: how a text is read, and what a recipient gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.merge_fields import MergeContact, MergeFieldError, has_braces, parse, plain_value

RUTH = MergeContact(name="Ruth Ann Miller", phone="+12025550123", fields={"campus": "North"})
SOMEONE = MergeContact(name="")


@pytest.mark.parametrize(
    ("text", "for_ruth", "for_someone", "for_a_number"),
    [
        ("Hi {{firstName|friend}}!", "Hi Ruth!", "Hi friend!", "Hi friend!"),
        ("Hi {{ firstName | dear friend }}!", "Hi Ruth!", "Hi dear friend!", "Hi dear friend!"),
        ("Hi {{\nfirstName\n}}!", "Hi Ruth!", "Hi!", "Hi!"),
        ("{{name}}: {{phone}} {{email}} {{campus}}", "Ruth Ann Miller: +12025550123 North", ":", ":"),
        ("Dear {{firstName}} {{lastName}}, hello", "Dear Ruth Miller, hello", "Dear, hello", "Dear, hello"),
        ("{{firstName}} you are welcome", "Ruth you are welcome", "you are welcome", "you are welcome"),
        ("Hello\n{{firstName}} welcome", "Hello\nRuth welcome", "Hello\nwelcome", "Hello\nwelcome"),
        ("Hi  {{firstName}}  you", "Hi  Ruth  you", "Hi   you", "Hi   you"),
        ("{{firstName}}{{lastName}}", "RuthMiller", "", ""),
        ("{{firstName}} {{lastName|Smith}}", "Ruth Miller", " Smith", " Smith"),
        ("{{campus|}}", "North", "", ""),
        ("{{campus|a|b}}", "North", "a|b", "a|b"),
        (r"\{{firstName}} is {{firstName|it}}", "{{firstName}} is Ruth", "{{firstName}} is it", "{{firstName}} is it"),
        ("{{firstName}}}", "Ruth}", "}", "}"),
        ("{ {firstName} } 100% %1$s", *3 * ("{ {firstName} } 100% %1$s",)),
    ],
)
def test_a_recipient_gets_its_values_and_the_default_without_one(
    text: str, for_ruth: str, for_someone: str, for_a_number: str
) -> None:
    parsed = parse(text)

    assert [parsed.merge(RUTH), parsed.merge(SOMEONE), parsed.merge(None)] == [for_ruth, for_someone, for_a_number]


@pytest.mark.parametrize(
    ("contact", "first", "last"),
    [
        (MergeContact(name="Ruth"), "Ruth", ""),
        (MergeContact(name="  Ruth\t Miller "), "Ruth", "Miller"),
        (MergeContact(name="Ruth Miller", fields={"firstName": "Ruthie", "lastName": " "}), "Ruthie", "Miller"),
    ],
)
def test_the_churchs_own_name_fields_precede_the_words_of_the_name(
    contact: MergeContact, first: str, last: str
) -> None:
    assert (contact.value("firstName"), contact.value("lastName")) == (first, last)


@pytest.mark.parametrize(
    ("text", "position", "named"),
    [
        ("Hi {{firstName", 4, "without }}"),
        ("{{a}} and {{ b", 11, "without }}"),
        ("Hi {{}}", 4, "{{}}"),
        ("Hi {{first name}}", 4, "first name"),
        ("Hi {{FirstName}}", 4, "FirstName"),
        ("Hi {{{firstName}}}", 4, "{firstName"),
        ("{{a|{{b}}}}", 1, "a|{{b"),
        ("{{" + "a" * 41 + "}}", 1, "…"),
    ],
)
def test_broken_braces_are_refused_with_their_position(text: str, position: int, named: str) -> None:
    with pytest.raises(MergeFieldError) as caught:
        parse(text)

    assert caught.value.position == position
    assert named in str(caught.value)
    assert f"at character {position}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fristName", 'did you mean "firstName"?'),
        ("firstname", 'did you mean "firstName"?'),
        ("Campsu".lower(), 'did you mean "campus"?'),
        ("zzz", "the fields are name, firstName, lastName, phone, email, campus"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(MergeFieldError) as caught:
        parse(f"Hi {{{{name}}}} {{{{{name}}}}}").check_fields(["campus"])

    assert str(caught.value) == f'has an unknown merge field "{name}" at character 13: {hint}'


def test_values_are_one_line_of_plain_text() -> None:
    contact = MergeContact(name="Ruth\x07\r\n{{phone}}\x1b", phone="+12025550123")

    assert parse("Hi {{name}}").merge(contact) == "Hi Ruth {{phone}}"


@given(st.text())
def test_a_text_without_braces_stays_as_it_is(text: str) -> None:
    if not has_braces(text):
        assert parse(text).merge(RUTH) == text


@given(st.text(st.sampled_from("{}|\\ anp\n"), max_size=30))
def test_a_text_is_read_or_refused(text: str) -> None:
    try:
        merged = parse(text).merge(SOMEONE)
    except MergeFieldError as error:
        assert text.startswith("{{", error.position - 1)
    else:
        assert len(merged) <= len(text)


@given(st.text())
def test_a_plain_value_has_no_control_characters_and_no_double_spaces(text: str) -> None:
    value = plain_value(text)

    assert value.isprintable() or not any(character < " " for character in value)
    assert plain_value(value) == value
    assert "  " not in value
