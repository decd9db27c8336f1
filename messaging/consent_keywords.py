"""What a person who writes to a church asks for: to get nothing more, to get texts again, help, or nothing of these.

Sources of the words:

- 47 CFR 64.1200(a)(10), in force since April 11, 2025 (FCC 24-24): "stop", "quit", "end", "revoke", "opt out", "cancel"
  and "unsubscribe" revoke consent, and so do other words that a reasonable person understands so.
- Twilio's default handling (https://help.twilio.com/articles/223134027): STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT,
  REVOKE, OPTOUT; START, YES, UNSTOP; HELP, INFO.
- CTIA, Messaging Principles and Best Practices (2023), section 5.1.3: normal language such as "please opt me out" is an
  opt-out; case and punctuation do not matter.

The rule for other words: a message is an opt-out if it begins with a verb that ends something, or with a phrase such as
"don't text", and **every** other word is about texts ("me", "these", "messages", …). So "stop texting me" is one, and
"stop by the church at 9" is not. Where both readings are possible, it is an opt-out: that can be undone with START.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MOST_WORDS = 12
"""A message with more words is a reply."""
MOST_CHARACTERS = 300


class KeywordKind(StrEnum):
    """What a keyword asks for."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyword:
    """What a message asks for."""

    kind: KeywordKind
    words: str
    """The words that say so, in lower case and without punctuation. They have no other content of the message."""
    only_if_opted_out: bool = False
    """A word that is also an answer, such as YES: from a person who is not opted out, the message is a reply."""


_OPT_OUTS: frozenset[str] = frozenset(
    (
        # English: Twilio, FCC
        *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out"),
        # English: other words of the same meaning
        *(
            "unsub",
            "unsubscribe me",
            "opt me out",
            "im opting out",
            "remove me",
            "remove my number",
            "delete my number",
        ),
        *("take me off", "leave me alone", "no more", "no mas", "stop it", "i revoke my consent", "i revoke consent"),
        # Spanish
        *("alto", "parar", "pare", "paren", "cancelar", "cancele", "terminar", "detener", "detenga", "salir", "baja"),
        *(
            "darme de baja",
            "dar de baja",
            "deme de baja",
            "no mas",
            "basta",
            "quiteme",
            "quitame",
            "dejen de escribirme",
        ),
        # French
        *("arret", "arrete", "arretez", "desabonner", "desinscrire"),
    )
)
_ENDING_VERBS = frozenset(
    (
        *("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "unsub"),
        *("alto", "parar", "pare", "paren", "cancelar", "cancele", "terminar", "detener", "detenga"),
    )
)
_PHRASES = (
    ("opt", "out"),
    ("opt", "me", "out"),
    ("do", "not", "text"),
    ("dont", "text"),
    ("do", "not", "message"),
    ("dont", "message"),
    ("do", "not", "contact"),
    ("dont", "contact"),
    ("do", "not", "send"),
    ("dont", "send"),
    ("never", "text"),
    ("no", "more", "texts"),
    ("no", "more", "text"),
    ("no", "more", "messages"),
    ("no", "more", "texting"),
    ("take", "me", "off"),
    ("take", "my", "number", "off"),
    ("remove", "me"),
    ("remove", "my", "number"),
    ("delete", "me"),
    ("delete", "my", "number"),
    ("no", "mas", "mensajes"),
    ("no", "me", "envien"),
    ("no", "me", "envie"),
    ("no", "me", "manden"),
    ("no", "me", "mande"),
    ("no", "enviar"),
    ("no", "mandar"),
)
"""What begins an opt-out beside the verbs: the words behind it must be about texts too."""
_ABOUT_TEXTS = frozenset(
    (
        *("me", "us", "my", "this", "these", "those", "your", "the", "all", "any", "more", "anymore", "again", "ever"),
        *("text", "texts", "texting", "txt", "txts", "sms", "message", "messages", "messaging", "msg", "msgs"),
        *("send", "sending", "sent", "contacting", "writing", "spam", "spamming", "alerts", "notifications", "updates"),
        *("to", "from", "off", "of", "list", "lists", "number", "phone", "subscription", "it"),
        *("mensaje", "mensajes", "textos", "texto", "de", "enviar", "enviarme", "mandar", "mandarme", "los", "las"),
        *("estos", "esos", "mas", "sus", "todo", "todos", "ya"),
        *_ENDING_VERBS,
    )
)
_COURTESIES = frozenset(
    (
        *(
            "please",
            "pls",
            "plz",
            "plse",
            "kindly",
            "now",
            "immediately",
            "thanks",
            "thank",
            "thx",
            "ty",
            "you",
            "just",
        ),
        *("hi", "hello", "hey", "sir", "ok", "okay", "favor", "por", "gracias", "hola", "stp", "merci"),
    )
)
"""Dropped at the beginning and at the end."""
_WISHES = (
    *(("i", "want", "to"), ("i", "wish", "to"), ("i", "would", "like", "to"), ("id", "like", "to"), ("i", "wanna")),
    *(("can", "you"), ("could", "you"), ("would", "you"), ("will", "you"), ("quiero",), ("deseo",)),
)
"""Dropped at the beginning."""
_OPT_INS: Mapping[str, bool] = {
    # English: Twilio
    "start": False,
    "unstop": False,
    "yes": True,
    # English: other words
    "optin": False,
    "opt in": False,
    "opt me in": False,
    "subscribe": False,
    "resubscribe": False,
    "resume": True,
    # Spanish
    "iniciar": False,
    "inicio": False,
    "comenzar": False,
    "empezar": False,
    "suscribir": False,
    "si": True,
}
"""Whether the word counts only if the person is opted out. An opt-in is not guessed: the message has no other word."""
_HELPS = frozenset(("help", "info", "ayuda", "informacion", "aide"))

_APOSTROPHES = re.compile(r"[’'`´ʼ＇]")
_NOT_IN_WORDS = re.compile(r"[\W_]+")


def find_keyword(text: str) -> Keyword | None:
    """Returns what the message asks for; None if it is a reply. Never raises, whatever the text."""
    text = text.strip()
    if len(text) > MOST_CHARACTERS:
        return None
    words = _words(text)
    if not words or len(words) > MOST_WORDS:
        return None
    whole = " ".join(words)
    if whole in _OPT_INS:
        return Keyword(kind=KeywordKind.OPT_IN, words=whole, only_if_opted_out=_OPT_INS[whole])
    if whole in _HELPS:
        return Keyword(kind=KeywordKind.HELP, words=whole)
    asked = _without_courtesies(words)
    return Keyword(kind=KeywordKind.OPT_OUT, words=" ".join(asked)) if _is_opt_out(asked) else None


def _words(text: str) -> list[str]:
    """The words in lower case, without accents, punctuation, emoji and invisible characters. S.T.O.P is one word."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    visible = "".join(
        character for character in folded if unicodedata.category(character) not in ("Mn", "Me", "Cf", "Cs")
    )
    words = _NOT_IN_WORDS.sub(" ", _APOSTROPHES.sub("", visible)).split()
    if len(words) > 1 and all(len(word) == 1 for word in words):
        return ["".join(words)]
    return words


def _without_courtesies(words: list[str]) -> list[str]:
    """Drops "please", "thank you", "can you" and the like around what is asked for."""
    start, end = 0, len(words)
    while end > start and words[end - 1] in _COURTESIES:
        end -= 1
    while start < end:
        wish = next((wish for wish in _WISHES if tuple(words[start : start + len(wish)]) == wish), None)
        if wish is None and words[start] not in _COURTESIES:
            break
        start += len(wish) if wish else 1
    return words[start:end]


def _is_opt_out(words: list[str]) -> bool:
    if " ".join(words) in _OPT_OUTS:
        return True
    begun = next((len(phrase) for phrase in _PHRASES if tuple(words[: len(phrase)]) == phrase), 0)
    if not begun and words and words[0] in _ENDING_VERBS:
        begun = 1
    return begun > 0 and all(word in _ABOUT_TEXTS or word in _COURTESIES for word in words[begun:])
