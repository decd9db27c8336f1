"""Sends a second and CPU a send, by candidate and size."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench.peers.table import PEERS
from tools.bench.percentiles import median
from tools.bench.results import Reading
from tools.bench.send_reading import PRODUCT, WORKERS, SendReading
from tools.bench.tables.markdown import number, table

TITLES = {PRODUCT: "**Koinonia SMS**, the whole product", **{peer.name: peer.title for peer in PEERS}}
_PARTS = (WORKERS, "postgres", "valkey", "api", "analytics worker", "clock", "sandbox")


def lines(readings: Sequence[Reading]) -> list[str]:
    all_readings = [SendReading(**reading) for reading in readings]
    valid = [reading for reading in all_readings if reading.sent]
    sizes = sorted({reading.size for reading in valid})
    names = [name for name in TITLES if any(reading.candidate == name for reading in valid)]
    return [
        "Sends a second. In brackets: the product's rate as a multiple of the peer's. † stopped at the cap.",
        "",
        *table(["recipients", *_heads(sizes)], [[TITLES[n], *(_rate(valid, n, s) for s in sizes)] for n in names]),
        "",
        "CPU seconds of the worker processes for 1,000 sends.",
        "",
        *table(["recipients", *_heads(sizes)], [[TITLES[n], *(_cpu(valid, n, s) for s in sizes)] for n in names]),
        *_our_parts(valid, sizes),
        *_problems(all_readings),
    ]


def rate(readings: Sequence[SendReading], name: str, size: int) -> float | None:
    """Return the median over the rounds, in sends a second; None without readings."""
    found = [reading.per_second for reading in readings if (reading.candidate, reading.size) == (name, size)]
    return median(found) if found else None


def _heads(sizes: Sequence[int]) -> list[str]:
    return [f"{size:,}" for size in sizes]


def _rate(readings: Sequence[SendReading], name: str, size: int) -> str:
    own, ours = rate(readings, name, size), rate(readings, PRODUCT, size)
    if own is None:
        return "–"
    cut = "†" if any(r.cut for r in readings if (r.candidate, r.size) == (name, size)) else ""
    times = f" ({number(ours / own)}×)" if ours is not None and name != PRODUCT else ""
    return f"{number(own)}{cut}{times}"


def _cpu(readings: Sequence[SendReading], name: str, size: int) -> str:
    found = [r.worker_ms_per_send for r in readings if (r.candidate, r.size) == (name, size)]
    return number(median(found)) if found else "–"


def _our_parts(readings: Sequence[SendReading], sizes: Sequence[int]) -> list[str]:
    ours = [reading for reading in readings if reading.candidate == PRODUCT]
    if not ours:
        return []
    rows = [[part, *(_part(ours, part, size) for size in sizes)] for part in _PARTS]
    return [
        "",
        "CPU seconds of every process of the product, and of the sandbox carrier, for 1,000 sends.",
        "",
        *table(["recipients", *_heads(sizes)], rows),
    ]


def _part(readings: Sequence[SendReading], part: str, size: int) -> str:
    found = [1000 * r.cpu_seconds[part] / r.sent for r in readings if r.size == size and part in r.cpu_seconds]
    return number(median(found)) if found else "–"


def _problems(readings: Sequence[SendReading]) -> list[str]:
    problems = [f"- {r.candidate}, {r.size:,}, round {r.round}: {r.problem}" for r in readings if r.problem]
    return ["", "Readings with something wrong:", "", *problems] if problems else []
