"""Files of contacts are read in the encodings, with the delimiters and with the faults that they have."""

from __future__ import annotations

import codecs
import datetime
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.contact_files import limits
from messaging.contact_files.limits import UnreadableFile
from messaging.contact_files.tables import Row, open_table
from messaging.contact_files.xlsx_writer import write_workbook
from tests.harness.contact_files import csv_file, xlsx_file

ROOT = Path(__file__).parents[3]
HEADER = ("Name", "Teléfono", "Nota")
ROWS = [HEADER, ("José Peña", "202 555 0123", "línea\ndos"), ("Zoë; Ann, Bell", "202 555 0124", 'the "best"')]
MOMENT = datetime.datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001 - a spreadsheet knows no zones
READ = [list(row) for row in ROWS]


def read(data: bytes) -> list[list[str]]:
    return [row.cells for row in open_table(data).rows]


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableFile) as refused:
        read(data)
    return str(refused.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_csv_file_is_read_whatever_its_encoding_delimiter_and_line_ends(
    delimiter: str, encoding: str, line_end: str
) -> None:
    assert read(csv_file(ROWS, delimiter=delimiter, encoding=encoding, line_end=line_end)) == READ


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_utf_16_is_recognized_with_and_without_its_mark(encoding: str) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else codecs.BOM_UTF16_LE
    data = csv_file(ROWS, encoding=encoding)

    assert read(mark + data) == read(data) == READ


def test_the_delimiter_that_excel_states_is_taken() -> None:
    assert read(b"sep=;\r\nName;Phone\r\nBell, Ruth;1\r\n") == [["Name", "Phone"], ["Bell, Ruth", "1"]]


def test_a_delimiter_inside_of_cells_is_not_taken_for_that_of_the_file() -> None:
    rows = [("Name", "Phone", "Mail"), *((f"Bell, Ruth {n}", f"{n}", "x") for n in range(5))]

    assert read(csv_file(rows, delimiter=";"))[1] == ["Bell, Ruth 0", "0", "x"]


def test_a_row_has_the_line_in_which_it_begins() -> None:
    data = b'Name,Note\n\nRuth,"one\ntwo\nthree"\n,\nAmos,x\n'

    assert list(open_table(data).rows) == [
        Row(1, ["Name", "Note"]),
        Row(3, ["Ruth", "one\ntwo\nthree"]),
        Row(7, ["Amos", "x"]),
    ]


def test_a_quotation_mark_inside_of_a_cell_is_a_character() -> None:
    assert read(b'Name,Phone\nRuth "Ruthie" Bell,1\n5" nail,2\n')[1:] == [['Ruth "Ruthie" Bell', "1"], ['5" nail', "2"]]


@pytest.mark.parametrize(
    "data",
    [b'Name,Phone\nRuth,1\n"Amos,2\nBoaz,3\n', b'Name,Phone\n"Amos,2'],
    ids=["in the middle", "at the end"],
)
def test_a_quotation_mark_that_is_never_closed_loses_no_rows_silently(data: bytes) -> None:
    line = 1 + data[: data.index(b'"')].count(b"\n")

    assert f"opened in line {line} is never closed" in refusal(data)


def test_a_workbook_is_read_as_its_cells_show() -> None:
    rows = [
        ("Name", "Phone", "Born", "At", "Fee", "Active", "Empty", "Note"),
        ("Ruth", 2025550123, datetime.date(1980, 4, 1), MOMENT, 1.5, True, None, " x "),
    ]

    [_, ruth] = read(xlsx_file(rows))

    assert ruth == ["Ruth", "2025550123", "1980-04-01", "2026-01-02T03:04:00", "1.5", "yes", "", "x"]


def test_of_a_workbook_the_first_visible_sheet_is_read() -> None:
    workbook = cast("Any", openpyxl.Workbook())
    workbook.active.title, workbook.active.sheet_state = "Hidden", "hidden"
    workbook.create_sheet("People & more").append(["Ruth", "1"])
    data = io.BytesIO()
    workbook.save(data)

    table = open_table(data.getvalue())

    assert (table.sheet, [row.cells for row in table.rows]) == ("People & more", [["Ruth", "1"]])


def sheet(xml: str, *, strings: str | None = None, workbook: str = "") -> bytes:
    """A workbook whose sheet is this XML."""
    data = io.BytesIO()
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml",
            workbook or f'<workbook xmlns:r="{office}"><sheets><sheet name="S" r:id="rId1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="rId1" Target="/xl/worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", xml)
        if strings is not None:
            archive.writestr("xl/sharedStrings.xml", strings)
    return data.getvalue()


def test_numbers_with_an_exponent_have_all_their_digits() -> None:
    data = sheet(
        "<worksheet><row><c><v>1.2025550123E10</v></c><c><v>2025550123.0</v></c><c><v>1e400</v></c></row></worksheet>"
    )

    assert read(data) == [["12025550123", "2025550123", "inf"]]


def test_shared_strings_are_read_without_hints_and_with_their_escapes() -> None:
    rich = "<si><r><t>R</t></r><r><t>uth</t></r><rPh><t>x</t></rPh></si>"
    strings = f"<sst><si><t>a</t></si>{rich}<si><t>_x0041_</t></si></sst>"
    cells = "".join(f'<x:c t="s"><x:v>{index}</x:v></x:c>' for index in (1, 2, 9, 0))
    data = sheet(f'<x:worksheet xmlns:x="y"><x:row r="3">{cells}</x:row></x:worksheet>', strings=strings)

    assert list(open_table(data).rows) == [Row(3, ["Ruth", "A", "", "a"])]


def test_dates_of_both_calendars_are_read() -> None:
    styles = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    for setting, shown in (("", "2026-01-01"), ('<workbookPr date1904="1"/>', "2030-01-02")):
        workbook = f'<workbook xmlns:r="r">{setting}<sheets><sheet name="S" r:id="rId1"/></sheets></workbook>'
        data = io.BytesIO(sheet('<worksheet><row><c s="1"><v>46023</v></c></row></worksheet>', workbook=workbook))
        with zipfile.ZipFile(data, "a") as archive:
            archive.writestr("xl/styles.xml", styles)
        assert read(data.getvalue()) == [[shown]]


def bomb() -> bytes:
    """Unpacks to 200 MB."""
    return sheet("<worksheet>" + " " * 200_000_000 + "</worksheet>")


def billion_laughs() -> bytes:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return sheet(
        f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><worksheet><row><c t="str"><v>&a9;</v></c></row></worksheet>'
    )


def external_entity() -> bytes:
    return sheet(
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet><row><c><v>&e;</v></c></row></worksheet>'
    )


def old_office(content: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + content.encode("utf-16-le") + bytes(500)


def archive_with(name: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, "x")
    return data.getvalue()


def many_parts() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(25_000):
            archive.writestr(f"{number}", "")
    return data.getvalue()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: b"", "is empty"),
        (lambda: b" \r\n\t\r\n", "is empty"),
        (lambda: b",,,\n,,,\n", "is empty"),
        (lambda: xlsx_file([]), "is empty"),
        (lambda: bytes(range(256)) * 10, "not text"),
        (lambda: b"\x7fELF\x02\x01\x01" + bytes(1000), "not text"),
        (lambda: b"%PDF-1.7 x", "a PDF"),
        (lambda: b"\x89PNG\r\n", "a picture"),
        (lambda: b"\xff\xfeN\x00\x00\xd8x\x00", "not valid"),
        (lambda: b"Name\n\x81\x8d\x8f\x90\x9d\n", "neither UTF-8"),
        (lambda: b"x" * (limits.MAX_FILE_BYTES + 1), "more than 25 MB"),
        (lambda: b"Name,Phone\nRuth," + b"1" * 10_000_000 + b"\n", "more than 32,767 characters"),
        (lambda: b"Name,Phone\nRuth," + b"1" * 40_000 + b"\n", "more than 32,767 characters"),
        (lambda: b"," * 10_000 + b"x\n", "10,001 columns"),
        (lambda: b"a,b\n" * 2_000_000, "more than 200,000 rows"),
        (lambda: old_office("Workbook"), "old Excel workbook"),
        (lambda: old_office("EncryptedPackage"), "encrypted"),
        (lambda: b"PK\x03\x04" + bytes(100), "damaged"),
        (lambda: xlsx_file([("a",)])[:-300], "damaged"),
        (lambda: xlsx_file([("a", "b")] * 100).replace(b"<", b">"), "damaged"),
        (lambda: archive_with("readme.txt"), "without a workbook"),
        (lambda: archive_with("word/document.xml"), "a Word document"),
        (lambda: archive_with("content.xml"), "OpenDocument"),
        (lambda: archive_with("xl/workbook.bin"), "binary workbook"),
        (many_parts, "far too many parts"),
        (bomb, "unpacks to more than 150 MB"),
        (billion_laughs, "document type"),
        (external_entity, "document type"),
        (lambda: sheet("<worksheet>" + "<a>" * 100_000), "damaged"),
        (lambda: sheet("<worksheet><row " + " ".join(f'a{n}="1"' for n in range(300_000)) + "/>"), "damaged"),
        (lambda: sheet("<worksheet><row><c></row></worksheet>"), "damaged"),
        (lambda: sheet(f"<worksheet><row><c t='str'><v>{'x' * 10_000_000}</v></c></row></worksheet>"), "32,767"),
        (lambda: sheet('<worksheet><row><c r="XFD1"><v>1</v></c></row></worksheet>'), "more than 200 columns"),
        (lambda: sheet("<worksheet>" + "<row><c><v>1</v></c></row>" * 200_001 + "</worksheet>"), "200,000 rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(make: Callable[[], bytes], told: str) -> None:
    assert told in refusal(make())


def test_a_workbook_of_very_many_empty_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some bytes of an archive are many elements, each of which costs time."""
    monkeypatch.setattr("messaging.contact_files.xlsx_package.MAX_ELEMENTS", 1_000)

    assert "too many cells" in refusal(sheet("<worksheet>" + "<row/>" * 1_001 + "</worksheet>"))


@settings(max_examples=300, deadline=None)
@given(data=st.one_of(st.binary(max_size=400), st.binary(max_size=200).map(lambda tail: b"PK\x03\x04" + tail)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        rows = read(data)
    except UnreadableFile:
        return
    assert rows


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 5000), value=st.integers(0, 255))
def test_a_workbook_with_a_wrong_byte_is_read_or_refused(place: int, value: int) -> None:
    data = bytearray(WORKBOOK)
    data[place % len(data)] = value
    try:
        read(bytes(data))
    except UnreadableFile:
        return


WORKBOOK = xlsx_file(ROWS)
CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r"), max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=5), min_size=1, max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_row_that_is_not_blank_is_read(rows: list[list[str]], encoding: str) -> None:
    """The delimiter is stated, because a file of a few arbitrary cells can be read with several."""
    data = "sep=,\r\n".encode(encoding) + csv_file(rows, encoding="utf-16-le" if encoding == "utf-16" else "utf-8")
    expected = [cells for row in rows if any(cells := trimmed(row))]
    try:
        found = read(data)
    except UnreadableFile:
        found = []

    assert found == expected


def trimmed(row: list[str]) -> list[str]:
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


MEASURE = """
import sys
from pathlib import Path
from messaging.contact_files.tables import open_table
from store.imports import pack_parts

data = Path(sys.argv[1]).read_bytes()
parts = list(pack_parts(open_table(data).rows))
status = Path("/proc/self/status").read_text().splitlines()
print(sum(rows for _, rows in parts), next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_fifty_thousand_rows_are_read_in_little_memory(form: str, tmp_path: Path) -> None:
    """In a process of its own, whose peak is that of the reading: the file, its parts, and the imports of modules."""
    rows = [(*(f"cell {number} of {column}" for column in range(10)),) for number in range(50_000)]
    data = csv_file(rows) if form == "csv" else b"".join(write_workbook("People", [rows]))
    file = tmp_path / "people"
    file.write_bytes(data)

    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, str(file)], capture_output=True, text=True, check=True, cwd=ROOT
    )

    count, peak_kilobytes = map(int, answer.stdout.split())
    assert count == 50_000
    assert peak_kilobytes < 150_000
