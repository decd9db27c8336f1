"""What is in the rows of messy files: columns, phone numbers, names, and why a row is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.addresses import InvalidPhone
from messaging.contact_fields import is_own_field_name
from messaging.contact_files.columns import Column, find_header, guess_columns
from messaging.contact_files.formula_guard import guard, guard_typed, unguard
from messaging.contact_files.headings import Target, field_name
from messaging.contact_files.people import FilePerson, RefusedRow, read_person
from messaging.contact_files.phone_cells import read_phone
from messaging.contact_files.tables import Row, open_table

MEMBERS = Path(__file__).parents[3] / "docs" / "members.csv"


def columns(*targets: Target) -> list[Column]:
    return [
        Column(number=number, heading=f"H{number}", target=target, field=f"field{number}")
        for number, target in enumerate(targets, start=1)
    ]


def targets(*rows: Sequence[str], fields: Sequence[str] = ()) -> list[str]:
    found = [Row(line, list(cells)) for line, cells in enumerate(rows, start=1)]
    return [column.target for column in guess_columns(found, find_header(found), fields=fields)]


def person(cells: Sequence[str], *wanted: Target) -> FilePerson:
    return read_person(cells, columns(*wanted), regions={"US"})


def refusal(cells: Sequence[str], *wanted: Target) -> tuple[str, int | None]:
    with pytest.raises(RefusedRow) as refused:
        person(cells, *wanted)
    return refused.value.reason, refused.value.column.number if refused.value.column else None


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (["First", "Last Name", "Cell Phone", "E-mail"], ["firstName", "lastName", "phone", "email"]),
        (["Full Name", "MOBILE", "email address"], ["name", "phone", "email"]),
        (["Nombre", "Apellidos", "Teléfono móvil", "Correo electrónico"], ["firstName", "lastName", "phone", "email"]),
        (["Nombre", "Celular"], ["name", "phone"]),
        (["Name", "Home Phone", "Mobile Phone", "Work Phone"], ["name", "ignore", "phone", "ignore"]),
        (["Name", "Phone", "Phone"], ["name", "phone", "ignore"]),
        (["", "Name", "", "Tel."], ["ignore", "name", "ignore", "phone"]),
        (["Name", "Cell", "OK to text?", "UNSUB_TIME"], ["name", "phone", "textsAllowed", "mailOptedOut"]),
        (["Name", "phone_number", "Do not text", "Time-Zone"], ["name", "phone", "textsOptedOut", "timeZone"]),
        (["Name", "Phone", "campus", "Colour"], ["name", "phone", "field", "ignore"]),
    ],
)
def test_columns_are_recognized_by_their_headings(headings: list[str], expected: list[str]) -> None:
    assert targets(headings, ["x"] * len(headings), fields=["campus"]) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["Ruth Bell", "2025550123"], ["Amos Hill", "2025550124"]], ["name", "phone"]),
        ([["Ruth", "Bell", "a@example.org"], ["Amos", "Hill", "b@example.org"]], ["firstName", "lastName", "email"]),
        ([["17", "Ruth Bell", "2025550123"], ["18", "Amos Hill", "202 555 0124"]], ["ignore", "name", "phone"]),
        ([["Person", "Where"], ["Ruth Bell", "2025550123"]], ["name", "phone"]),
    ],
)
def test_columns_without_known_headings_are_recognized_by_their_content(
    rows: list[list[str]], expected: list[str]
) -> None:
    assert targets(*rows) == expected


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Date of Birth", "dateOfBirth"),
        ("campus", "campus"),
        ("isMember", "isMember"),
        ("Año de ingreso", "anoDeIngreso"),
        ("2nd Phone", "field2ndPhone"),
        ("", "column7"),
        ("电话", "column7"),
        ("Name", "name7"),
        ("x" * 60, "x" * 40),
    ],
)
def test_headings_become_names_of_fields(heading: str, name: str) -> None:
    assert field_name(heading, column=7) == name


@given(st.text(max_size=60))
def test_every_heading_becomes_a_valid_name(heading: str) -> None:
    assert is_own_field_name(field_name(heading, column=7))


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("(202) 555-0123", "+12025550123"),
        ("+1 202 555 0123", "+12025550123"),
        ("'+12025550123", "+12025550123"),
        ("202\u00a0555\u00a00123", "+12025550123"),
        ("2025550123.0", "+12025550123"),
        ("12025550123,00", "+12025550123"),
        ("Cell: 202-555-0123", "+12025550123"),
        ("202-555-0123 (home)", "+12025550123"),
        ("202-555-0123;", "+12025550123"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_a_number_is_read_however_it_is_written(cell: str, phone: str) -> None:
    found = read_phone(cell)

    assert (found.phone, found.remark) == (phone, None)


@pytest.mark.parametrize(
    "cell",
    [
        "202-555-0123 / 202-555-0124",
        "555-0100 / 202-555-0123",
        "2025550123, 2025550124",
        "202-555-0123 or 202-555-0124",
        "202-555-0123\n202-555-0124",
        "202-555-0123 ::: 202-555-0124",
    ],
)
def test_of_several_numbers_the_first_valid_one_is_taken_and_that_is_said(cell: str) -> None:
    found = read_phone(cell)

    assert (found.phone, found.remark) == ("+12025550123", "has 2 numbers: the first valid one is taken")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("1.20256E+10", "last digits are lost"),
        ("1,20256E+10", "last digits are lost"),
        ("2E9", "last digits are lost"),
        ("202-555-0123 x12", "has an extension"),
        ("202-555-0123 ext. 4", "has an extension"),
        ("202-555-0123, 12", "has an extension"),
        ("555-0100 / 555-0199", "has 2 numbers, none of which is valid"),
        ("555-0100", "not a number in use"),
        ("unknown", "is not a phone number"),
        ("900-555-0123", "a premium-rate number"),
        ("1" * 5000, "is not a phone number"),
        ("2025550123" + " " * 30_000 + "2025550124", "is not a phone number"),
    ],
)
def test_a_cell_without_a_number_that_can_be_texted_is_refused(cell: str, reason: str) -> None:
    with pytest.raises(InvalidPhone, match=reason):
        read_phone(cell)


@settings(max_examples=200)
@given(st.text(alphabet="0123456789+-() ./,;x\u00a0eE\n'", max_size=40))
def test_no_cell_breaks_the_reading_of_numbers(cell: str) -> None:
    try:
        found = read_phone(cell)
    except InvalidPhone:
        return
    assert found.phone.startswith("+")


@pytest.mark.parametrize(
    ("first", "last", "name", "fields"),
    [
        ("Ruth", "Bell", "Ruth Bell", {}),
        ("Mary Ann", "Bell", "Mary Ann Bell", {"firstName": "Mary Ann"}),
        ("Ruth", "van der Berg", "Ruth van der Berg", {"lastName": "van der Berg"}),
        ("", "Bell", "Bell", {"lastName": "Bell"}),
        ("Ruth", "", "Ruth", {}),
    ],
)
def test_a_name_is_made_of_its_parts_and_keeps_those_that_it_does_not_tell(
    first: str, last: str, name: str, fields: dict[str, str]
) -> None:
    found = person([first, last, "2025550123"], "firstName", "lastName", "phone")

    assert (found.name, found.fields) == (name, fields)


def test_a_mail_address_is_read_out_of_what_mail_programs_write() -> None:
    assert person(["Ruth", "Ruth Bell <Ruth@Example.org>"], "name", "email").email == "ruth@example.org"
    assert person(["Ruth", "mailto:ruth@example.org"], "name", "email").email == "ruth@example.org"


@pytest.mark.parametrize(
    ("cells", "reason", "column"),
    [
        (["", "2025550123", "", "", ""], "has no name", None),
        (["Ruth", "", "", "", ""], "has neither a phone number nor an e-mail address", None),
        (["Ruth", "12", "a@example.org", "", ""], "has too few or too many digits for a phone number", 2),
        (["Ruth", "+442079460958", "", "", ""], "is a number in GB, which the church may not text", 2),
        (["Ruth", "", "ruth@", "", ""], "is not an e-mail address that mail can be sent to", 3),
        (["Ruth", "2025550123", "", "perhaps", ""], "is neither yes nor no", 4),
        (["Ruth", "2025550123", "", "", "x" * 501], "has more than 500 characters", 5),
        (["x" * 201, "2025550123", "", "", ""], "has more than 200 characters", 1),
        (["Ru\0th", "2025550123", "", "", ""], "has a character that cannot be stored", 1),
        (["Ru\ud800th", "2025550123", "", "", ""], "has a character that cannot be stored", 1),
    ],
)
def test_a_row_is_refused_with_the_column_and_the_reason(cells: list[str], reason: str, column: int | None) -> None:
    assert refusal(cells, "name", "phone", "email", "optedOut", "field") == (reason, column)


def test_an_unknown_time_zone_is_refused() -> None:
    assert refusal(["Ruth", "2025550123", "Mars"], "name", "phone", "timeZone")[0] == "is not the name of a time zone"


@pytest.mark.parametrize("said", ["yes", "X", "TRUE", "1", "sí", "2026-01-02", "2026-01-02T03:04:05Z"])
def test_what_says_yes_opts_out_the_addresses_of_the_row(said: str) -> None:
    cells = ["Ruth", "2025550123", "ruth@example.org", said]

    assert person(cells, "name", "phone", "email", "optedOut").opted_out == ("+12025550123", "ruth@example.org")
    assert person(cells, "name", "phone", "email", "textsOptedOut").opted_out == ("+12025550123",)
    assert person(cells, "name", "phone", "email", "mailOptedOut").opted_out == ("ruth@example.org",)


@pytest.mark.parametrize(
    ("said", "opted_out"),
    [("no", ("+12025550123",)), ("N", ("+12025550123",)), ("yes", ()), ("2024-05-01", ()), ("", ()), ("n/a", ())],
)
def test_no_in_a_column_of_permissions_opts_out_of_texts(said: str, opted_out: tuple[str, ...]) -> None:
    cells = ["Ruth", "2025550123", "ruth@example.org", said]

    assert person(cells, "name", "phone", "email", "textsAllowed").opted_out == opted_out


def test_an_unclear_word_in_a_column_of_permissions_is_refused() -> None:
    with pytest.raises(RefusedRow, match="neither yes nor no"):
        person(["Ruth", "2025550123", "perhaps"], "name", "phone", "textsAllowed")


@pytest.mark.parametrize("nothing", ["-", "n/a", "None", "UNKNOWN", "—"])
def test_a_word_for_nothing_is_no_wrong_address(nothing: str) -> None:
    by_mail = person(["Ruth", nothing, "ruth@example.org"], "name", "phone", "email")
    by_phone = person(["Ruth", "2025550123", nothing], "name", "phone", "email")

    assert (by_mail.phone, by_mail.email) == (None, "ruth@example.org")
    assert (by_phone.phone, by_phone.email) == ("+12025550123", None)


@given(st.text(max_size=10).map(lambda text: text.replace("\0", "")) | st.from_regex(r"'*[=+\-@\t]x", fullmatch=True))
def test_every_text_comes_back_and_none_is_a_formula(text: str) -> None:
    assert unguard(guard(text)) == unguard(guard_typed(text)) == text
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_the_file_of_the_documents_has_four_people_and_three_faults() -> None:
    rows = list(open_table(MEMBERS.read_bytes()).rows)
    header = find_header(rows)
    found = guess_columns(rows, header, fields=["campus"])
    people: list[str] = []
    faults: list[int] = []
    for row in rows[header + 1 :]:
        try:
            people.append(read_person(row.cells, found, regions={"US"}).name)
        except RefusedRow:
            faults.append(row.line)

    assert people == ["Ruth Bell", "Mary Ann Hill", "José Peña", 'Lee; "Junior" Young']
    assert faults == [6, 8, 9]
