"""Plans who writes to their church, when, and what: STOP, START, HELP, replies. A pure function of the parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from tools.chaos.parameters import MAIL, Parameters
from tools.chaos.workload.audiences import church_sizes
from tools.chaos.workload.planned_messages import PlannedMessage
from tools.chaos.workload.planned_paced_churches import is_of_paced_church
from tools.chaos.workload.recipients import RECIPIENTS, contact_addresses

ORDER_UNKNOWN_SECONDS = 2.0
"""A START this soon after the STOP does not lift it (docs/consent.md#guarantees-and-limits)."""
_EARLIEST, _LATEST = 0.05, 0.75
"""Shares of `fault_seconds`: when people begin to write."""
_DRAWS = 20
"""After so many draws of somebody who writes already, a person less writes."""


class Words(StrEnum):
    """What a text asks for, by the name that the product stores."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"
    REPLY = "reply"


_TEXTS: dict[Words, Sequence[str]] = {
    Words.OPT_OUT: (
        *("STOP", "stop", "Stop!", "UNSUBSCRIBE", "Stop texting me", "please stop, thank you"),
        *("ALTO", "Baja", "No más", "cancelar"),
    ),
    Words.OPT_IN: ("START", "start", "UNSTOP", "INICIAR"),
    Words.HELP: ("HELP", "info", "AYUDA", "información"),
    Words.REPLY: ("Amen!", "See you on Sunday", "¡Gracias, nos vemos el domingo!", "Don't stop!", "stop by at 9?"),
}


@dataclass(frozen=True, kw_only=True)
class PlannedText:
    """One text of a person, written when the one before was answered."""

    words: Words
    text: str
    pause_seconds: float = 0.0
    """How long after the answer to the one before."""
    is_twice: bool = False
    """The carrier delivers it twice at the same time."""
    repeats: int | None = None
    """It is an earlier one, which the carrier delivers once more: its place in `texts`."""


@dataclass(frozen=True, kw_only=True)
class PlannedWriter:
    """A person who writes to one church, from `at_seconds` after the start."""

    at_seconds: float
    church: int
    phone: str
    texts: tuple[PlannedText, ...]

    @property
    def answers(self) -> int:
        """How many of them are answered: within a day, one STOP, START or the like, and one HELP."""
        return len({text.words for text in self.texts} & {Words.OPT_OUT, Words.HELP})


def plan_writers(parameters: Parameters, messages: Sequence[PlannedMessage]) -> tuple[PlannedWriter, ...]:
    """People who get texts during the run, each of them once; in the order in which they begin to write."""
    random = Random(f"writers {parameters.seed}")  # noqa: S311 - repeatable; another string would change every plan
    people = _People(parameters, messages)
    found: dict[tuple[int, str], PlannedWriter] = {}
    for place in range(parameters.opt_outs):
        for church, phone, at_seconds in people.draw(random):
            if (church, phone) not in found:
                found[church, phone] = PlannedWriter(
                    at_seconds=at_seconds, church=church, phone=phone, texts=_draw_texts(place, parameters, random)
                )
                break
    return tuple(sorted(found.values(), key=lambda each: each.at_seconds))


class _People:
    """Whom the run texts: people of paced churches, whose texts wait longest; contacts, who get many; recipients of
    lists, about the time at which they get their text."""

    def __init__(self, parameters: Parameters, messages: Sequence[PlannedMessage]) -> None:
        self._parameters = parameters
        self._paced = [each for each in messages if is_of_paced_church(each) and each.channel == "sms"]
        self._listed = [each for each in messages if not is_of_paced_church(each) and each.channel != MAIL]
        self._sizes = church_sizes(parameters)
        # Their numbers are also those of churches (tools/chaos/workload/churches.py).
        self._senders = frozenset(contact_addresses("sms", parameters.churches))
        self._all = frozenset(contact_addresses("sms", RECIPIENTS)) - self._senders

    def draw(self, random: Random) -> Iterator[tuple[int, str, float]]:
        """Yields place of the church, phone number and seconds after the start, a few times."""
        for _ in range(_DRAWS):
            church, phone, at_seconds = self._draw_one(random)
            if phone in self._all:
                latest = _LATEST * self._parameters.fault_seconds
                yield church, phone, min(max(at_seconds, _EARLIEST * self._parameters.fault_seconds), latest)

    def _draw_one(self, random: Random) -> tuple[int, str, float]:
        seconds = self._parameters.fault_seconds
        at_any_time = random.uniform(_EARLIEST, _LATEST) * seconds
        draw = random.random()
        if draw < 0.4 and self._paced:
            message = random.choice(self._paced)
            return message.church, random.choice(message.addresses), at_any_time
        if draw < 0.7 or not self._listed:
            church = random.randrange(self._parameters.churches)
            return church, random.choice(contact_addresses("sms", self._sizes[church])), at_any_time
        message = random.choice(self._listed)
        around = message.at_seconds + message.delay_seconds + random.uniform(-0.05, 0.1) * seconds
        return message.church, random.choice(message.addresses), around


def _draw_texts(place: int, parameters: Parameters, random: Random) -> tuple[PlannedText, ...]:
    stop, start, help_, reply = (_draw_text(words, random) for words in Words)
    pause_seconds = ORDER_UNKNOWN_SECONDS + 0.2 + random.uniform(0, 0.1) * parameters.fault_seconds
    hasty_start, start = start, replace(start, pause_seconds=pause_seconds)
    stop_again, start_again = replace(stop, repeats=0), replace(start, repeats=1)
    return (
        (stop,),
        (stop, start),
        (replace(stop, is_twice=True),),
        (stop, start, stop_again),
        (reply, stop, _draw_text(Words.OPT_OUT, random)),
        (stop, start, _draw_text(Words.OPT_OUT, random), start_again),
        (help_, reply),
        (stop, hasty_start),
        (stop, help_),
        (replace(stop, is_twice=True), replace(start, is_twice=True), reply),
    )[place % 10]


def _draw_text(words: Words, random: Random) -> PlannedText:
    return PlannedText(words=words, text=random.choice(_TEXTS[words]))
