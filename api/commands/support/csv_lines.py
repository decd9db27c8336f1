"""Lines of CSV (RFC 4180) that a spreadsheet shows as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Sequence[str]) -> str:
    """Return one line without its end. A cell that a spreadsheet would calculate gets an apostrophe in front
    (https://owasp.org/www-community/attacks/CSV_Injection)."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return line.getvalue()
