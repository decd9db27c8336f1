"""The command line of bin/load."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

DESCRIPTION = """\
Sends one text message to one number, again and again at a fixed rate, and then compares latency, errors, queue depth
and Redis with limits. The exit status is 0 when every limit is kept, 1 when one is not, and 2 when nothing was sent.

Without --url it uses what bin/run started: its demo church and its sandbox carrier, so that nothing leaves this
machine. With --url it SENDS REAL MESSAGES to the numbers in --to, which cost money: --real-messages confirms that.
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    url: str | None
    key: str | None
    church: str | None
    recipients: tuple[str, ...]
    real_messages: bool
    rate: float
    """Messages a second."""
    seconds: float
    as_json: bool

    @property
    def messages(self) -> int:
        return max(1, round(self.rate * self.seconds))


def read_options(arguments: Sequence[str]) -> Options:
    """Return the options. Exits with status 2 and a usage line if they are not valid."""
    parser = argparse.ArgumentParser(
        prog="bin/load", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--url", help="the address of the system, such as https://texting.example.org (default: that of bin/run)")
    add("--key", help="an API key of the church, with messages:write and messages:read; required with --url")
    add("--church", metavar="ID", help="the church; required with --url")
    add("--to", action="append", default=[], metavar="NUMBER", help="a recipient; repeat it for several, used in turn")
    add("--real-messages", action="store_true", help="confirms that real messages are sent to the numbers in --to")
    add("--rate", type=_positive, default=10.0, metavar="N", help="messages a second (default: 10)")
    add("--seconds", type=_positive, default=60.0, metavar="S", help="how long (default: 60)")
    add("--json", action="store_true", help="print the figures as JSON")
    parsed = parser.parse_args(arguments)
    if parsed.url is not None and (parsed.key is None or parsed.church is None):
        parser.error("--url needs --key and --church")
    if parsed.url is None and (parsed.key or parsed.church):
        parser.error("--key and --church need --url")
    return Options(
        url=parsed.url,
        key=parsed.key,
        church=parsed.church,
        recipients=tuple(parsed.to),
        real_messages=parsed.real_messages,
        rate=parsed.rate,
        seconds=parsed.seconds,
        as_json=parsed.json,
    )


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number
