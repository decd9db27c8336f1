"""The answers of the service to keywords: which are sent, and their texts.

The FCC allows one text that confirms an opt-out, within five minutes and without marketing (47 CFR 64.1200(a)(12)): the
claim suppresses a later one. The CTIA's Messaging Principles want the sender's name in it, and an answer to HELP.
"""

from __future__ import annotations

from enum import StrEnum

from messaging.consent_keywords import KeywordKind

MAX_REPLY_CHARACTERS = 320
"""Of a church's own text: two segments of the GSM alphabet at most."""
_MOST_OF_NAME = 60
_DEFAULTS = {
    KeywordKind.OPT_OUT: "{name}: You are unsubscribed and get no more texts from us. Reply START to get them again.",
    KeywordKind.OPT_IN: "{name}: You will get our texts again. Reply HELP for help, STOP to get no more.",
    KeywordKind.HELP: (
        "{name}: You get our texts because you gave us your number. For help, please call or write to our office. "
        "Reply STOP to get no more. Msg & data rates may apply."
    ),
}


class ReplyMode(StrEnum):
    """Which keywords of a church's people the service answers."""

    ALL = "all"
    """All: for a carrier whose own handling of keywords is switched off."""
    REMAINING = "remaining"
    """Those that the carrier does not answer by default, such as "please stop"."""
    NONE = "none"


def default_reply(kind: KeywordKind, *, church_name: str) -> str:
    """Returns the text for a church that has set none."""
    name = church_name if len(church_name) <= _MOST_OF_NAME else church_name[: _MOST_OF_NAME - 1].rstrip() + "…"
    return _DEFAULTS[kind].format(name=name)


def is_answered(mode: ReplyMode, *, carrier_answered: bool, carrier_answers_by_default: bool) -> bool:
    """Whether the service answers a keyword, so that nobody gets two answers.

    `carrier_answered`: the carrier says that it recognized the keyword. `carrier_answers_by_default`: it says nothing
    about it, but would answer this one unless its handling of keywords is switched off.
    """
    if carrier_answered or mode is ReplyMode.NONE:
        return False
    return mode is ReplyMode.ALL or not carrier_answers_by_default
