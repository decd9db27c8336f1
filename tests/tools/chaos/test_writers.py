"""People who write in a fault run: what they write is planned, and delivered until it is answered."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from messaging.consent_keywords import KeywordKind, find_keyword
from tests.harness.waiting import wait_until
from tests.harness.webhook_receiver import webhook_receiver
from tools.chaos.parameters import MAIL, Parameters
from tools.chaos.workload.audiences import church_sizes
from tools.chaos.workload.planned_messages import plan_messages
from tools.chaos.workload.planned_paced_churches import plan_paced_churches
from tools.chaos.workload.planned_writers import (
    ORDER_UNKNOWN_SECONDS,
    PlannedText,
    PlannedWriter,
    Words,
    plan_writers,
)
from tools.chaos.workload.recipients import contact_addresses
from tools.chaos.workload.writers import Writers
from tools.sandbox.control import Sandbox

PARAMETERS = Parameters(seed=5, deliveries=2_000, opt_outs=200)
ANN, CHURCH = "+12025550123", "+12065550001"


def planned(parameters: Parameters = PARAMETERS) -> tuple[PlannedWriter, ...]:
    messages = plan_messages(parameters, deliveries=parameters.deliveries)
    return plan_writers(parameters, (*messages, *(each.message for each in plan_paced_churches(parameters))))


def test_the_same_seed_gives_the_same_writers_and_another_seed_others() -> None:
    assert planned() == planned()
    assert planned() != planned(replace(PARAMETERS, seed=6))
    assert planned(replace(PARAMETERS, opt_outs=0)) == ()


def test_each_person_writes_to_one_church_that_texts_them() -> None:
    messages = plan_messages(PARAMETERS, deliveries=PARAMETERS.deliveries)
    texted = {
        (message.church, address)
        for message in (*messages, *(each.message for each in plan_paced_churches(PARAMETERS)))
        if message.channel != MAIL
        for address in message.addresses
    }
    sizes = church_sizes(PARAMETERS)
    contacts = {(church, phone) for church, size in enumerate(sizes) for phone in contact_addresses("sms", size)}
    writers = planned()
    people = {(writer.church, writer.phone) for writer in writers}
    assert len(people) == len(writers) > 190
    assert people <= texted | contacts
    assert len(people & texted) > 120
    assert sum(writer.church >= PARAMETERS.churches for writer in writers) > 40, "of paced churches"
    assert all(0 < writer.at_seconds < PARAMETERS.fault_seconds for writer in writers)


def test_the_product_takes_each_text_for_what_it_is_planned_as() -> None:
    kinds = {
        Words.OPT_OUT: KeywordKind.OPT_OUT,
        Words.OPT_IN: KeywordKind.OPT_IN,
        Words.HELP: KeywordKind.HELP,
        Words.REPLY: None,
    }
    texts = {text for writer in planned() for text in writer.texts}
    assert {text.words for text in texts} == set(Words)
    for text in texts:
        keyword = find_keyword(text.text)
        assert (keyword and keyword.kind) is kinds[text.words], text.text


def test_some_texts_come_twice_or_once_more_and_some_opt_in_again() -> None:
    writers = planned()
    texts = [text for writer in writers for text in writer.texts]
    assert sum(text.is_twice for text in texts) > 20
    for writer in writers:
        for place, text in enumerate(writer.texts):
            if text.repeats is not None:
                assert text.repeats < place
                assert text.text == writer.texts[text.repeats].text
    repeated = Counter(text.words for text in texts if text.repeats is not None)
    assert min(repeated[Words.OPT_OUT], repeated[Words.OPT_IN]) > 10
    old_starts = [text for text in texts if text.words is Words.OPT_IN and text.repeats is not None]
    assert all(text.pause_seconds > ORDER_UNKNOWN_SECONDS for text in old_starts), "late enough to lift the later STOP"
    starts = [text for text in texts if text.words is Words.OPT_IN and text.repeats is None]
    assert {text.pause_seconds > ORDER_UNKNOWN_SECONDS for text in starts} == {True, False}


@pytest.mark.parametrize("is_twice", [False, True])
def test_a_text_is_delivered_until_it_is_answered_and_then_the_next_one(sandbox: Sandbox, is_twice: bool) -> None:
    stop = PlannedText(words=Words.OPT_OUT, text="STOP", is_twice=is_twice)
    again = replace(stop, is_twice=False, repeats=0)
    help_ = PlannedText(words=Words.HELP, text="HELP")
    writer = PlannedWriter(at_seconds=0.0, church=0, phone=ANN, texts=(stop, help_, again))
    writers = Writers(sandbox=sandbox, numbers=[CHURCH], planned=[writer])
    with webhook_receiver() as receiver:
        sandbox.set_inbound(url=receiver.url)
        receiver.status = 503
        began = time.time()
        writers.start()
        wait_until(lambda: receiver.arrived > 11, condition="the carrier gave up, and was asked once more")
        outstanding = "'STOP' of +12025550123 was never answered", "a text of a person was never written"
        assert writers.unanswered() == list(outstanding)
        is_back_at = time.time()
        receiver.status = 204
        wait_until(lambda: writers.is_done, condition="all is written")
        forms = [parse_qs(body.decode()) for _, body in receiver.requests]
    written_stop, written_help = writers.written
    assert writers.unanswered() == []
    assert written_stop.answered_at is not None
    assert began < written_stop.sent_at < is_back_at < written_stop.answered_at <= written_help.sent_at
    assert written_stop.webhooks > 11
    sids = [form["MessageSid"][0] for form in forms]
    assert sids[0] == sids[-1] == written_stop.carrier_id
    assert sids[-2] == written_help.carrier_id
    assert {(form["From"][0], form["To"][0]) for form in forms} == {(ANN, CHURCH)}
