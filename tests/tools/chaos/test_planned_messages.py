"""The planned messages and schedules are valid for the API, and the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from messaging import merge_fields
from messaging.addresses import parse_email, parse_phone
from messaging.merge_fields import MergeContact
from tools.chaos.parameters import CHANNEL_SHARES, MAIL, Parameters
from tools.chaos.workload.audiences import church_sizes
from tools.chaos.workload.planned_messages import Target, plan_messages
from tools.chaos.workload.planned_schedules import plan_schedules
from tools.chaos.workload.recipients import MERGE_FIELDS, address, contacts, merged_text

LARGE = Parameters(seed=5, deliveries=100_000, fault_seconds=900.0)
SMALL = Parameters(seed=5, deliveries=1_500, fault_seconds=15.0)


@pytest.mark.parametrize("parameters", [LARGE, SMALL])
def test_the_same_seed_gives_the_same_messages_and_schedules_and_another_seed_others(parameters: Parameters) -> None:
    another = replace(parameters, seed=6)
    assert plan_schedules(parameters) == plan_schedules(parameters)
    assert plan_schedules(parameters) != plan_schedules(another)
    assert plan_messages(parameters, deliveries=500) == plan_messages(parameters, deliveries=500)
    assert plan_messages(parameters, deliveries=500) != plan_messages(another, deliveries=500)


@pytest.mark.parametrize("parameters", [LARGE, SMALL])
def test_messages_add_up_to_the_deliveries_and_are_valid(parameters: Parameters) -> None:
    messages = plan_messages(parameters, deliveries=parameters.deliveries)
    sizes = church_sizes(parameters)
    assert sum(len(message.addresses) for message in messages) == parameters.deliveries
    assert len({message.body for message in messages}) == len(messages)
    assert {message.church for message in messages} == set(range(parameters.churches))
    assert messages[-1].at_seconds <= parameters.request_seconds
    for message in messages:
        assert len(set(message.addresses)) == len(message.addresses)
        assert message.target is not Target.ALL or len(message.addresses) == sizes[message.church]
        assert (message.channel == MAIL) == (message.subject is not None)
        assert (message.channel == "mms") == (message.pictures > 0)
        parse = parse_email if message.channel == MAIL else parse_phone
        assert parse(message.addresses[-1]) == message.addresses[-1]
    assert {message.channel for message in messages} == set(CHANNEL_SHARES)


def test_some_messages_go_to_groups_without_another_group_and_have_merge_fields() -> None:
    messages = plan_messages(LARGE, deliveries=LARGE.deliveries)
    sizes = church_sizes(LARGE)
    to_groups = [message for message in messages if message.target is Target.GROUPS]
    assert len(to_groups) > 10
    for message in to_groups:
        assert message.addresses == tuple(
            address(message.channel, number)
            for number in range(sizes[message.church])
            if (number % 2 == 0 or number % 3 == 0) and number % 5 != 4
        )
    merged = [message for message in messages if MERGE_FIELDS in message.body]
    assert {message.target for message in merged} == {Target.GROUPS, Target.ALL}


@pytest.mark.parametrize("number", [0, 6, 41, 9_999, 19_999])
def test_the_words_for_a_person_are_those_of_the_products_own_rule(number: int) -> None:
    contact = contacts(number + 1)[number]
    text = f"Hello {MERGE_FIELDS}"
    expected = merge_fields.parse(text).merge(MergeContact(name=contact["name"], fields=contact["fields"]))
    assert merged_text(text, contact["phone"]) == merged_text(text, contact["email"]) == expected
