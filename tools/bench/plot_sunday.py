"""The picture of `sunday`: texts accepted over time against what the paces allow. Plain SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tools.bench.sunday_reading import SundayReading
from tools.bench.tables.markdown import number

_WIDTH, _HEIGHT, _GAP, _LEFT, _TOP = 300, 150, 60, 60, 44

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 }
.head { font-weight: 600 }
.axis { stroke: #9aa5b1; fill: none }
.allowed { stroke: #9aa5b1; stroke-dasharray: 5 4; fill: none; stroke-width: 1.5 }
.reached { stroke: #0b7a5b; fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .reached { stroke: #2fc596 } }
"""


def draw_acceptances(readings: Sequence[SundayReading]) -> str:
    """An SVG that fits light and dark pages, a panel for the first round of each scenario. There must be readings."""
    first = list({reading.scenario: reading for reading in reversed(readings)}.values())[::-1]
    width = _LEFT + (_WIDTH + _GAP) * len(first)
    height = _TOP + _HEIGHT + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="Texts accepted by the carrier over time, against what the paces allow">',
        f"<style>{_STYLE}</style>",
        *(line for place, reading in enumerate(first) for line in _panel(reading, _LEFT + (_WIDTH + _GAP) * place)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(reading: SundayReading, left: int) -> list[str]:
    total = reading.churches * reading.members
    points = [(seconds, accepted) for seconds, accepted in reading.accepted if seconds >= 0]
    longest = max([seconds for seconds, _ in points] + [1.0])
    most = max([accepted for _, accepted in points] + [total])
    bottom = _TOP + _HEIGHT

    def at(seconds: float, texts: float) -> str:
        return f"{left + _WIDTH * seconds / longest:.1f},{bottom - _HEIGHT * texts / most:.1f}"

    lines = [
        f'<text class="head" x="{left}" y="18">{escape(reading.scenario)}</text>',
        f'<text x="{left}" y="34">texts accepted; at most {number(most)}</text>',
        f'<polyline class="axis" points="{left},{_TOP} {left},{bottom} {left + _WIDTH},{bottom}"/>',
        f'<text x="{left + _WIDTH}" y="{bottom + 18}" text-anchor="end">{number(longest)} s</text>',
    ]
    if reading.pace is not None:
        needed = reading.members / reading.pace
        allowed = [at(0, 0), at(min(needed, longest), total * min(1.0, longest / needed)), at(longest, total)]
        lines.append(f'<polyline class="allowed" points="{" ".join(allowed)}"/>')
    reached = " ".join([at(0, 0), *(at(seconds, accepted) for seconds, accepted in points)])
    return [*lines, f'<polyline class="reached" points="{reached}"/>']
