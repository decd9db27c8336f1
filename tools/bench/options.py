"""The command line of bin/bench."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench import results
from tools.bench.peers.table import EXPRESS, PEERS
from tools.bench.send_reading import PRODUCT

CANDIDATES = (PRODUCT, *(peer.name for peer in PEERS), EXPRESS)
"""`send` uses all but the last, `api` the first and the last."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """None means the default of the part."""

    parts: tuple[str, ...]
    rounds: int
    sizes: tuple[int, ...] | None
    cap_seconds: float
    latency_ms: float | None
    candidates: tuple[str, ...] | None
    concurrency: Mapping[str, int]
    seconds: float | None
    sends: int
    blast: int
    old_deliveries: tuple[int, ...] | None
    with_workers: bool | None
    churches: int | None
    pace: float | None
    members: int | None
    rows: int | None
    weeks: int | None
    seed: int
    settings: Mapping[str, str]
    results: Path
    add: bool
    keep: bool


def read_options(arguments: Sequence[str], *, parts: Sequence[str], description: str) -> Options:
    """Return the options. Exits with status 2 and a usage line if they are not valid."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=description)
    add = parser.add_argument
    add("parts", nargs="*", metavar="part", help=f"{', '.join(parts)} (default: all)")
    add("--rounds", type=_positive, default=3, metavar="N", help="readings of each candidate (default: 3)")
    add("--sizes", type=_numbers, metavar="N,N", help="recipients (send: 1000,10000,100000; growth: up to 1000000)")
    add(
        "--cap-seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="stop a reading of `send` after this time (default: 30)",
    )
    add("--latency-ms", type=float, metavar="MS", help="latency of the carrier's answers (default: 100; receipts: 5)")
    add("--candidates", type=_words, metavar="A,B", help="measure only these in send and api (default: all)")
    add(
        "--concurrency",
        type=_pair,
        action="append",
        default=[],
        metavar="PEER=N",
        help="instead of the number in tools/bench/peers/table.py",
    )
    add("--seconds", type=float, metavar="S", help="duration of the load (api: 10; pace: 60; fairness: 20)")
    add("--sends", type=_positive, default=100_000, metavar="N", help="receipts: number of texts (default: 100000)")
    add(
        "--blast",
        type=_positive,
        default=50_000,
        metavar="N",
        help="recipients of the large send in api and fairness (default: 50000)",
    )
    add(
        "--old-deliveries",
        type=_numbers,
        metavar="N,N",
        help="growth: deliveries already in the table (default: 10 to 5000000)",
    )
    add("--churches", type=_positive, metavar="N", help="sunday: one scenario of so many churches (default: four)")
    add("--pace", type=float, metavar="P", help="sunday with --churches: segments a second of each (default: no pace)")
    add("--members", type=_positive, metavar="M", help="sunday with --churches: of each (default: what the time needs)")
    add("--rows", type=_positive, metavar="N", help="history: deliveries in the tables (default: 1000000)")
    add("--weeks", type=int, metavar="N", help="history: weeks that are written and pruned in turn (default: 3)")
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument("--with-workers", action="store_true", default=None, help="api: only with sms workers")
    workers.add_argument("--without-workers", action="store_false", dest="with_workers", help="api: only without")
    add("--seed", type=int, default=1, help="of the random moments in fairness (default: 1)")
    add(
        "--setting",
        type=_setting,
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="for the product",
    )
    add(
        "--results",
        type=Path,
        default=results.FOLDER,
        metavar="FOLDER",
        help="where readings are stored (default: tools/bench/results)",
    )
    add("--add", action="store_true", help="add to the stored readings instead of replacing those of the part")
    add("--keep", action="store_true", help="do not delete the folder with logs and data")
    parsed = parser.parse_args(arguments)
    for what, named, known in (
        ("part", parsed.parts, parts),
        ("candidate", parsed.candidates or (), CANDIDATES),
        ("peer", dict(parsed.concurrency), CANDIDATES[1:]),
    ):
        if unknown := set(named) - set(known):
            parser.error(f"no such {what}: {', '.join(sorted(unknown))} (there are {', '.join(known)})")
    values: dict[str, Any] = vars(parsed)
    values["parts"] = tuple(parsed.parts)
    values["concurrency"], values["settings"] = dict(parsed.concurrency), dict(parsed.settings)
    return Options(**values)


def _positive(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise ValueError
    return number


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_positive(word) for word in text.split(","))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError
    return name, value


def _pair(text: str) -> tuple[str, int]:
    name, value = _setting(text)
    return name, _positive(value)
