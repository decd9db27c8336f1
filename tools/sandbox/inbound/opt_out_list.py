"""The carrier's list of people who sent STOP to a sender: https://help.twilio.com/articles/223134027"""

from typing import Final, Literal, get_args

Handling = Literal["default", "advanced", "off"]
"""`default`: the carrier acts on its words and answers them. `advanced`: it also says so in the webhook (OptOutType).
`off`: it passes everything on."""

HANDLINGS: Final = get_args(Handling)

OptOutType = Literal["STOP", "START", "HELP"]
OPT_OUT_TYPES: Final = get_args(OptOutType)

WORDS: Final[dict[str, OptOutType]] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), "STOP"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
"""They count only as the whole message, in any case."""

ANSWERS: Final[dict[OptOutType, str]] = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP "
    "to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


class OptOutList:
    """Who is opted out of which sender: a number, or a messaging service."""

    def __init__(self) -> None:
        self.handling: Handling = "default"
        self._opted_out: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._opted_out)

    def refuses(self, *, sender: str, to: str) -> bool:
        """Return whether a message from the sender to the person is refused with 21610."""
        return bool(self._opted_out) and (sender, to) in self._opted_out

    def recognize(self, text: str, *, given: OptOutType | None) -> OptOutType | None:
        """Return what the carrier takes a message for; `given` replaces its own judgement."""
        return None if self.handling == "off" else given or WORDS.get(text.strip().upper())

    def apply(self, recognized: OptOutType, *, sender: str, person: str) -> str | None:
        """Change the list as the word demands. Return the carrier's answer to the person; None if nothing changes."""
        was_opted_out = (sender, person) in self._opted_out
        if recognized == "STOP":
            self._opted_out.add((sender, person))
            return None if was_opted_out else ANSWERS["STOP"]
        if recognized == "START":
            self._opted_out.discard((sender, person))
            return ANSWERS["START"] if was_opted_out else None
        return ANSWERS["HELP"]

    def clear(self) -> None:
        """Opt everybody in. The handling stays."""
        self._opted_out.clear()
