"""What a file may have at most. Beyond it the file is refused as a whole, before anything is stored."""

from __future__ import annotations

MAX_FILE_BYTES = 25_000_000
MAX_ROWS = 200_000
"""Rows that are not blank, with the header."""
MAX_COLUMNS = 200
MAX_CELL_CHARACTERS = 32_767
"""As in Excel
(https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3)."""
MAX_UNPACKED_BYTES = 150_000_000
"""Of an Excel workbook, all the parts that are read."""
MAX_ELEMENTS = 8_000_000
"""Of the XML of a workbook: each costs a microsecond, however short it is."""
MAX_SHARED_STRINGS = 1_000_000
MAX_SHARED_STRING_BYTES = 60_000_000
"""The part with the shared strings is held in memory."""
MAX_DIRECTORY_BYTES = 1_000_000
"""The list of parts in a workbook."""


class UnreadableFile(ValueError):
    """The file cannot be read as contacts. The message says why, and what to do, for people."""
