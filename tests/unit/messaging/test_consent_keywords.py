"""Which messages are opt-outs, opt-ins and calls for help, and which are replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.consent_keywords import MOST_WORDS, KeywordKind, find_keyword

OPT_OUT_WORDS = [
    *("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "OPT OUT"),
    *("ALTO", "PARAR", "CANCELAR", "BAJA", "NO MAS", "ARRET"),
]
OPT_OUTS = [
    *OPT_OUT_WORDS,
    *("stop", "Stop", "sToP", " stop ", "stop.", "STOP!!!", '"Stop"', "(stop)", "stop\n", "*STOP*", "Stop?", "opt-out"),
    *(
        "Opt_out",
        "opt   out",
        "S.T.O.P",
        "S T O P",
        "ＳＴＯＰ",
        "𝐒𝐓𝐎𝐏",
        "STOP 🛑",
        "st\u200bop",
        "STOP\u00a0",
        "arrêt",
        "¡ALTO!",
    ),
    *(
        "please stop",
        "Stop please",
        "Please, STOP. Thank you!",
        "pls stop",
        "stop now",
        "stop it",
        "stop this",
        "stop stop",
    ),
    *(
        "stop texting me",
        "Stop texting",
        "stop text",
        "STOP TEXTS",
        "stop sending me these messages",
        "quit texting me",
    ),
    *(
        "stop all texts",
        "stop messaging me please",
        "Can you stop texting me?",
        "please stop sending these to my phone",
    ),
    *("I want to unsubscribe", "I'd like to opt out", "i would like to opt out please", "opt me out", "unsubscribe me"),
    *(
        "remove me",
        "Remove me from your list",
        "please remove me from this list",
        "take me off",
        "take me off your list",
    ),
    *(
        "Don't text me",
        "don’t text me anymore",
        "do not text me again",
        "do not contact me",
        "Don't send me these messages",
    ),
    *("no more texts", "No more messages, please", "leave me alone", "delete my number", "cancel my subscription"),
    *(
        "I revoke my consent",
        "end texts",
        "no más",
        "no mas mensajes",
        "no me envien mas mensajes",
        "por favor cancelar",
    ),
    *("parar mensajes", "hola, alto por favor", "dar de baja", "quiero cancelar"),
]
REPLIES = [
    *(
        "",
        "   ",
        "👍",
        "...",
        "?",
        "Amen",
        "Thank you!",
        "Yes, we will be there",
        "no",
        "No thanks",
        "ok",
        "Ok thank you",
    ),
    *(
        "stop by the church at 9",
        "Can you stop by the church at 9?",
        "Don't stop!",
        "dont stop",
        "Don’t stop believing",
    ),
    *("I can't stop smiling", "We will stop at the store first", "non-stop prayer", "bus stop", "Stop sign on Main St"),
    *(
        "the end",
        "end of the service?",
        "In the end we came",
        "weekend",
        "Is the picnic cancelled?",
        "cancel the 9am for me",
    ),
    *(
        "Please cancel my booking for Sunday",
        "We had to cancel our trip",
        "I quit my job",
        "quit smoking group",
        "unstoppable",
    ),
    *("stop and pray", "Stop worrying", "Nothing will stop us", "remove the chairs", "I opt for the out door service"),
    *("Don't text and drive", "send me the address", "text me the address", "no more snow", "help me move the piano"),
    *(
        "Can you help me?",
        "we need help",
        "start time?",
        "When does it start",
        "yes please",
        "Yes!! see you",
        "información?? no",
    ),
    *("cuando vamos a parar en la iglesia", "alto nivel", "My number changed, please text the new one"),
    *("stop " + "really " * 20, "x" * 1000, "stop" * 200),
]


@pytest.mark.parametrize("text", OPT_OUTS)
def test_an_opt_out(text: str) -> None:
    found = find_keyword(text)

    assert found is not None
    assert (found.kind, found.only_if_opted_out) == (KeywordKind.OPT_OUT, False)


@pytest.mark.parametrize("text", REPLIES)
def test_a_reply(text: str) -> None:
    assert find_keyword(text) is None


@pytest.mark.parametrize(
    ("text", "only_if_opted_out"),
    [
        ("START", False),
        ("start!", False),
        ("Unstop", False),
        ("opt-in", False),
        ("Subscribe", False),
        ("INICIAR", False),
        ("YES", True),
        (" yes. ", True),
        ("Sí", True),
        ("SI", True),
    ],
)
def test_an_opt_in(text: str, only_if_opted_out: bool) -> None:
    found = find_keyword(text)

    assert found is not None
    assert (found.kind, found.only_if_opted_out) == (KeywordKind.OPT_IN, only_if_opted_out)


@pytest.mark.parametrize("text", ["HELP", "help", "Help!", "INFO", "info?", "AYUDA", "información"])
def test_a_call_for_help(text: str) -> None:
    found = find_keyword(text)

    assert found is not None
    assert found.kind is KeywordKind.HELP


def test_the_words_are_kept_without_what_surrounds_them() -> None:
    found = find_keyword("Please, STOP texting me!! Thank you 🙏")

    assert found is not None
    assert found.words == "stop texting me"


SURROUNDINGS = st.text(alphabet=' \t\n.,;:!?*()[]"-_…🛑👍\u200b\u00a0', max_size=8)


@given(word=st.sampled_from(OPT_OUT_WORDS), cases=st.integers(min_value=0), before=SURROUNDINGS, after=SURROUNDINGS)
def test_an_opt_out_word_is_found_in_any_case_and_punctuation(word: str, cases: int, before: str, after: str) -> None:
    written = "".join(letter.upper() if cases >> place & 1 else letter.lower() for place, letter in enumerate(word))

    found = find_keyword(before + written + after)

    assert found is not None
    assert found.kind is KeywordKind.OPT_OUT


OTHER_WORDS = st.lists(
    st.sampled_from(["we", "will", "church", "at", "nine", "pray", "for", "Ruth", "and", "Sunday"]),
    min_size=1,
    max_size=40,
)


@given(before=OTHER_WORDS, after=OTHER_WORDS, word=st.sampled_from(OPT_OUT_WORDS))
def test_a_sentence_that_contains_an_opt_out_word_is_a_reply(before: list[str], after: list[str], word: str) -> None:
    assert find_keyword(" ".join([*before, word, *after])) is None
    assert find_keyword(" ".join([word, *after])) is None


@given(words=st.lists(st.sampled_from(["stop", "texts", "me", "please"]), min_size=MOST_WORDS + 1, max_size=60))
def test_a_long_message_is_a_reply_whatever_its_words(words: list[str]) -> None:
    assert find_keyword(" ".join(words)) is None


@given(text=st.text(max_size=400))
def test_no_text_raises(text: str) -> None:
    found = find_keyword(text)

    assert found is None or found.words == found.words.casefold()
