"""Reads CSV in the encodings and with the delimiters that spreadsheets and church software write."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from messaging.contact_files.limits import MAX_CELL_CHARACTERS, UnreadableFile

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 65_536
_SAMPLE_ROWS = 50
_PLAIN_CONTROLS = "\t\n\r\v\f\x1a"
_MOST_CONTROLS = 0.005
"""The share of control characters above which a file is no text."""
_FEW_CONTROLS = 10
_NO_TEXT = "The file is not text. Export the contacts as CSV or as an Excel workbook (.xlsx)."
_STATED_DELIMITER = "sep="
"""Excel's own first line, which states the delimiter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvFormat:
    encoding: str
    delimiter: str
    has_stated_delimiter: bool
    """Whether the first line is `sep=;` or the like."""


def detect(data: bytes) -> CsvFormat:
    """Return the encoding and the delimiter of the file. Raises UnreadableFile if it is no text."""
    encoding = _encoding(data)
    sample = _sample(data, encoding)
    controls = sum(1 for character in sample if character < " " and character not in _PLAIN_CONTROLS)
    if "\0" in sample or controls > max(_FEW_CONTROLS, _MOST_CONTROLS * len(sample)):
        raise UnreadableFile(_NO_TEXT)
    first = sample.splitlines()[0] if sample else ""
    if first.startswith(_STATED_DELIMITER) and len(first) == len(_STATED_DELIMITER) + 1:
        return CsvFormat(encoding=encoding, delimiter=first[-1], has_stated_delimiter=True)
    return CsvFormat(encoding=encoding, delimiter=_delimiter(sample), has_stated_delimiter=False)


def read_rows(data: bytes, found: CsvFormat) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line in which it begins, from 1. Raises UnreadableFile."""
    lines = _Lines(io.TextIOWrapper(io.BytesIO(data), encoding=found.encoding, newline=""))
    reader = csv.reader(lines, delimiter=found.delimiter)
    begins_at = 1
    try:
        if found.has_stated_delimiter:
            next(reader, None)
            begins_at = lines.number + 1
        for cells in reader:
            if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
                raise _too_long(begins_at)
            lines.forget()
            yield begins_at, cells
            begins_at = lines.number + 1
    except csv.Error:
        raise _too_long(begins_at) from None
    except UnicodeError:
        raise UnreadableFile(f"The file is not valid {found.encoding.upper()} after line {begins_at}.") from None
    if lines.ends_in_quotes(found.delimiter):
        raise UnreadableFile(f'A quotation mark (") that is opened in line {lines.last_begin} is never closed.')


class _Lines:
    """The lines of the text. Keeps those of the last row, to see whether its quotation marks are closed."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._row: list[str] = []
        self._is_complete = False
        self.number = 0
        self.last_begin = 1

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.number += 1
            if self._is_complete:
                self._row, self._is_complete, self.last_begin = [], False, self.number
            self._row.append(line)
            yield line

    def forget(self) -> None:
        """Note that the row is complete."""
        self._is_complete = True

    def ends_in_quotes(self, delimiter: str) -> bool:
        try:
            list(csv.reader(self._row, delimiter=delimiter, strict=True))
        except csv.Error as error:
            return "unexpected end of data" in str(error)
        return False


def _too_long(line: int) -> UnreadableFile:
    return UnreadableFile(
        f"The row that begins in line {line} has a cell of more than {MAX_CELL_CHARACTERS:,} characters. "
        'Is a quotation mark (") in it never closed?'
    )


def _encoding(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding
    sample = data[:_SAMPLE_BYTES]
    if len(sample) >= 4 and b"\0" in sample:
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            high = sample[offset::2]
            if high.count(0) > 0.8 * len(high) and 0 not in sample[1 - offset :: 2]:
                return encoding
    if b"\0" in data:
        raise UnreadableFile(_NO_TEXT)
    if _is_valid(data, "utf-8"):
        return "utf-8"
    if _is_valid(data, "cp1252"):
        return "cp1252"
    raise UnreadableFile("The text is neither UTF-8, UTF-16 nor Windows-1252. Export it as CSV in UTF-8.")


def _is_valid(data: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), 1_000_000):
            decoder.decode(data[start : start + 1_000_000])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _sample(data: bytes, encoding: str) -> str:
    """Return the beginning of the text, without an incomplete last character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return decoder.decode(data[:_SAMPLE_BYTES])
    except UnicodeDecodeError:
        raise UnreadableFile(f"The file is not valid {encoding.upper()}.") from None


def _delimiter(sample: str) -> str:
    """Return the delimiter with which most rows have the same number of columns; of several, the most columns."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        counts = _column_counts(sample, delimiter)
        columns, rows = Counter(counts).most_common(1)[0] if counts else (0, 0)
        score = (round(rows / len(counts), 1), columns) if columns > 1 else (0.0, 0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _column_counts(sample: str, delimiter: str) -> list[int]:
    counts: list[int] = []
    try:
        for cells in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in cells):
                counts.append(len(cells))
            if len(counts) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return counts
    is_cut = len(counts) > 1 and len(sample) >= _SAMPLE_BYTES // 4 and len(counts) <= _SAMPLE_ROWS
    return counts[:-1] if is_cut else counts
