"""Draws the SVG chart of docs/performance.md: sends a second, a panel for each size, a bar for each candidate."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tools.bench.send_reading import PRODUCT, SendReading
from tools.bench.tables.markdown import number
from tools.bench.tables.send import TITLES, rate

_NAME_WIDTH, _PANEL_WIDTH, _VALUE_WIDTH = 310, 150, 60
_ROW, _TOP, _BAR = 26, 44, 16

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 }
.head { font-weight: 600 }
.ours { fill: #0b7a5b }
.peer { fill: #9aa5b1 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .ours { fill: #2fc596 } .peer { fill: #67717d } }
"""


def draw_rates(readings: Sequence[SendReading]) -> str:
    """Return an SVG for light and dark pages. There must be readings with sends."""
    valid = [reading for reading in readings if reading.sent]
    names = [name for name in TITLES if any(reading.candidate == name for reading in valid)]
    sizes = sorted({reading.size for reading in valid})
    step = _PANEL_WIDTH + _VALUE_WIDTH
    width, height = _NAME_WIDTH + step * len(sizes), _TOP + _ROW * len(names) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="Sends a second by candidate and number of recipients">',
        f"<style>{_STYLE}</style>",
        *(_name(name, row) for row, name in enumerate(names)),
        *(line for place, size in enumerate(sizes) for line in _panel(valid, names, size, _NAME_WIDTH + step * place)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(readings: Sequence[SendReading], names: Sequence[str], size: int, left: int) -> list[str]:
    rates = {name: found for name in names if (found := rate(readings, name, size)) is not None}
    scale = _PANEL_WIDTH / max(rates.values())
    lines = [f'<text class="head" x="{left}" y="18">{size:,} recipients</text>', _unit(left)]
    for row, name in enumerate(names):
        if name in rates:
            lines.append(_bar(left, row, rates[name], scale, kind="ours" if name == PRODUCT else "peer"))
    return lines


def _bar(left: int, row: int, value: float, scale: float, *, kind: str) -> str:
    top, length = _TOP + _ROW * row, max(1.0, value * scale)
    return (
        f'<rect class="{kind}" x="{left}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
        f'<text x="{left + length + 6:.1f}" y="{top + 13}">{number(value)}</text>'
    )


def _name(name: str, row: int) -> str:
    title = escape(TITLES[name].replace("*", ""))
    weight = ' class="head"' if name == PRODUCT else ""
    return f'<text{weight} x="{_NAME_WIDTH - 10}" y="{_TOP + _ROW * row + 13}" text-anchor="end">{title}</text>'


def _unit(left: int) -> str:
    return f'<text x="{left}" y="34">sends a second</text>'
