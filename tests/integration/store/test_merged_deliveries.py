"""Each recipient of a message with merge fields gets one text, which stays the same and is counted as it is."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.merge_fields import MergeContact, parse
from messaging.segments import count_segments
from messaging.states import DAILY_LIMIT_REASON, Status
from store import daily_limits, message_lifecycle, people, reconciliation, retention
from store.claims import Claim
from store.database import church_scope, system_scope
from store.deliveries import DeliveryUpdate
from store.message_lifecycle import ChangedDeliveries
from store.messages import Message
from store.retention import Doubts
from tests.integration.store.counted_messages import count_finally, totals
from tests.integration.store.ledger import Ledger, numbers, sent
from tests.integration.store.merged_messages import (
    add_person,
    compose_merged,
    expand_within_limit,
    send_merged,
)
from tests.integration.store.old_messages import age

RUTH, BOAZ, LEA = numbers(3)
LONG = "a" * 160
"""Makes a text of two segments."""


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    """A church with three contacts. The first has a long note, so that a text with it has two segments."""
    church_id = ledger.church()
    add_person(ledger, church_id, "Ruth Miller", RUTH, note=LONG)
    add_person(ledger, church_id, "Boaz", BOAZ, note="Amen")
    add_person(ledger, church_id, "", LEA)
    return church_id


def texts(claim: Claim) -> dict[str, str]:
    return {envelope.address: envelope.content for envelope in claim.envelopes}


def fail(ledger: Ledger, claim: Claim, status: Status = Status.FAILED) -> None:
    ledger.record(
        [
            DeliveryUpdate(delivery_id=each.delivery_id, attempt=each.attempt, status=status, delay_seconds=0.0)
            for each in claim.envelopes
        ]
    )


def counted(ledger: Ledger) -> list[int]:
    return [segments for (segments,) in ledger.query("SELECT segments FROM daily_segments")]


def test_each_recipient_gets_its_own_text(ledger: Ledger, church_id: UUID) -> None:
    send_merged(ledger, church_id, "Hi {{firstName|friend}}, 100%!")

    assert texts(ledger.claim(church_id)) == {
        RUTH: "Hi Ruth, 100%!",
        BOAZ: "Hi Boaz, 100%!",
        LEA: "Hi friend, 100%!",
    }


def test_recipients_that_are_not_contacts_get_the_defaults(ledger: Ledger, church_id: UUID) -> None:
    send_merged(ledger, church_id, r"Hi {{firstName|friend}} \{{", target={"phoneNumbers": [RUTH]})

    assert texts(ledger.claim(church_id)) == {RUTH: "Hi friend {{"}


def test_the_first_of_a_family_gives_the_text_of_a_shared_number(ledger: Ledger, church_id: UUID) -> None:
    add_person(ledger, church_id, "Orpah", RUTH)
    send_merged(ledger, church_id, "Hi {{firstName}}")

    assert texts(ledger.claim(church_id))[RUTH] == "Hi Ruth"


def test_a_text_stays_the_same_when_the_contact_is_changed_or_deleted(ledger: Ledger, church_id: UUID) -> None:
    send_merged(ledger, church_id, "Hi {{firstName|friend}}")
    ledger.query("UPDATE contacts SET name = 'Another' WHERE phone = %(phone)s", phone=RUTH)
    first = ledger.claim(church_id)
    fail(ledger, first, Status.QUEUED)
    ledger.query("DELETE FROM contacts")

    second = ledger.claim(church_id)

    assert texts(first) == texts(second) == {RUTH: "Hi Ruth", BOAZ: "Hi Boaz", LEA: "Hi friend"}


def test_a_text_in_doubt_is_looked_up_by_its_own_words(ledger: Ledger, church_id: UUID) -> None:
    send_merged(ledger, church_id, "Hi {{firstName|friend}}")
    claim = ledger.claim(church_id)
    fail(ledger, claim, Status.UNKNOWN)
    ledger.query("DELETE FROM contacts")

    with system_scope(ledger.database) as connection:
        in_doubt = reconciliation.claim_in_doubt(connection, channel="sms", limit=9, hold_seconds=60.0)

    assert {each.address: each.content for each in in_doubt} == texts(claim)


@pytest.mark.parametrize(("content", "is_identical"), [("Hi {{firstName}}", True), ("Hi {{lastName}}", False)])
def test_two_texts_are_identical_by_their_own_words(
    ledger: Ledger, church_id: UUID, content: str, is_identical: bool
) -> None:
    send_merged(ledger, church_id, "Hi {{name}}", target={"contactIds": [str(contact_of(ledger, BOAZ))]})
    doubt = ledger.claim(church_id)
    fail(ledger, doubt, Status.UNKNOWN)
    send_merged(ledger, church_id, content, target={"contactIds": [str(contact_of(ledger, BOAZ))]})
    ledger.claim(church_id)

    with system_scope(ledger.database) as connection:
        found = reconciliation.find_identical_in_flight(connection, [each.delivery_id for each in doubt.envelopes])

    assert len(found) == is_identical


def test_a_text_that_becomes_too_long_or_empty_fails_and_is_not_tried_again(ledger: Ledger, church_id: UUID) -> None:
    message = send_merged(ledger, church_id, "{{note}}", longest=100)

    assert texts(ledger.claim(church_id)) == {BOAZ: "Amen"}
    assert ledger.query("SELECT address, reason FROM deliveries WHERE status = 'failed' ORDER BY address") == [
        (RUTH, "text too long"),
        (LEA, "text is empty"),
    ]
    with system_scope(ledger.database) as connection:
        retried = message_lifecycle.retry_failed(
            connection, church_id=church_id, message_id=message.message_id, reasons=None, error_codes=None
        )
    assert retried == ChangedDeliveries(deliveries=0, segments=0)


def test_the_pace_takes_the_segments_of_each_text(ledger: Ledger, church_id: UUID) -> None:
    ledger.set_sender(church_id, segments_per_second=4.0)
    ledger.query("UPDATE senders SET tokens = 3, tokens_at = now() + interval '1 hour', next_claim_at = now()")
    ledger.query("UPDATE senders SET tokens_at = now()")
    send_merged(ledger, church_id, "Hi {{note}}")

    claim = ledger.claim(church_id)

    assert [count_segments(envelope.content) for envelope in claim.envelopes] == [2, 1]


def test_limits_count_the_segments_of_each_text(ledger: Ledger, church_id: UUID) -> None:
    message = compose_merged(ledger, church_id, "Hi {{note}}", daily_limit=10)
    assert counted(ledger) == [3], "reserved with the defaults"

    expansion = expand_within_limit(ledger, message, daily_limit=10)

    assert (expansion.written, expansion.beyond_limit, counted(ledger)) == (3, 0, [4])


def test_deliveries_beyond_the_limit_fail_by_their_segments(ledger: Ledger, church_id: UUID) -> None:
    message = compose_merged(ledger, church_id, "Hi {{note}}", daily_limit=3)

    expansion = expand_within_limit(ledger, message, daily_limit=3)

    assert (expansion.beyond_limit, counted(ledger)) == (1, [3])
    assert ledger.query("SELECT address, reason FROM deliveries WHERE status = 'failed'") == [(LEA, DAILY_LIMIT_REASON)]


def test_what_is_canceled_is_given_back_by_its_segments(ledger: Ledger, church_id: UUID) -> None:
    message = compose_merged(ledger, church_id, "Hi {{note}}", daily_limit=10)
    expand_within_limit(ledger, message, daily_limit=10)
    ledger.claim(church_id, limit=1)

    with church_scope(ledger.database, church_id) as connection:
        canceled = message_lifecycle.cancel(connection, church_id=church_id, message_id=message.message_id)
        daily_limits.release(connection, church_id=church_id, message_id=message.message_id, segments=canceled.segments)

    assert canceled == ChangedDeliveries(deliveries=2, segments=2)
    assert counted(ledger) == [2]


@pytest.mark.parametrize("change", ["retry", "resolve"])
def test_what_is_sent_again_has_its_own_segments(ledger: Ledger, church_id: UUID, change: str) -> None:
    message = send_merged(ledger, church_id, "Hi {{note}}")
    fail(ledger, ledger.claim(church_id), Status.FAILED if change == "retry" else Status.UNKNOWN)

    with system_scope(ledger.database) as connection:
        if change == "retry":
            again = message_lifecycle.retry_failed(
                connection, church_id=church_id, message_id=message.message_id, reasons=None, error_codes=None
            )
        else:
            again = reconciliation.resolve_all(
                connection, church_id=church_id, message_id=message.message_id, status="queued"
            )

    assert again == ChangedDeliveries(deliveries=3, segments=4)
    assert sorted(texts(ledger.claim(church_id))) == [RUTH, BOAZ, LEA]


def test_totals_count_the_segments_of_each_text(ledger: Ledger, church_id: UUID) -> None:
    message = send_merged(ledger, church_id, "Hi {{note}}")
    ledger.record(sent(ledger.claim(church_id)))

    count_finally(ledger)

    assert totals(ledger, message) == {(Status.SENT, ""): (3, 4)}


def test_the_values_are_removed_with_the_addresses(ledger: Ledger, church_id: UUID) -> None:
    message = send_merged(ledger, church_id, "Hi {{firstName|friend}}")
    ledger.record(sent(ledger.claim(church_id)))
    age(ledger, message, days=61)

    with system_scope(ledger.database) as connection:
        retention.redact_deliveries(connection, kept_days=60, doubts=Doubts(since_by_church={}), limit=10)
        retention.redact_messages(connection, kept_days=60, doubts=Doubts(since_by_church={}), limit=10)

    assert ledger.query("SELECT DISTINCT merge_values FROM deliveries") == [(None,)]
    assert ledger.query("SELECT content, merge_fields FROM messages") == [("", None)]


def test_an_erased_person_leaves_no_values(ledger: Ledger, church_id: UUID) -> None:
    message = send_merged(ledger, church_id, "Hi {{firstName}}")
    ids = [message.message_id]
    with church_scope(ledger.database, church_id) as connection:
        [before] = people.find_deliveries(connection, church_id=church_id, message_ids=ids, addresses=[RUTH])
        people.erase_deliveries(connection, church_id=church_id, message_ids=ids, addresses=[RUTH])

    assert before.content == "Hi Ruth"
    assert ledger.query("SELECT reason FROM deliveries WHERE merge_values IS NULL") == [("erased",)]


# --- processes of the former release ----------------------------------------------------------------------------------


def test_a_process_of_the_former_release_does_not_expand_it(ledger: Ledger, church_id: UUID) -> None:
    message = compose_merged(ledger, church_id, "Hi {{firstName}}")

    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.query("UPDATE messages SET expanded_at = now() WHERE message_id = %(id)s", id=message.message_id)


def test_a_process_of_the_former_release_does_not_claim_it(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, [RUTH])
    message = send_merged(ledger, church_id, "Hi {{firstName}}")
    claim_of_the_former_release = (
        "UPDATE deliveries SET status = 'sending', attempts = attempts + 1, lease_until = now() RETURNING message_id"
    )

    claimed = ledger.query(claim_of_the_former_release)

    assert len(claimed) == 1 and claimed != [(message.message_id,)]
    assert len(ledger.claim(church_id).envelopes) == 3
    ledger.query("UPDATE deliveries SET status = 'queued', lease_until = NULL")
    assert len(ledger.query(claim_of_the_former_release)) == 1, "a retry is not for it either"


def test_a_run_of_a_schedule_takes_its_merge_fields(ledger: Ledger, church_id: UUID) -> None:
    ledger.query(
        "INSERT INTO schedules (church_id, channel, content, segments, merge_fields, target_type, target, rule_kind, "
        "rule, time_zone, starts_at, missed_policy, missed_within_seconds, request_hash) VALUES (%(church_id)s, 'sms', "
        "'Hi {{name}}', 1, '{\"fields\": []}', 'all', '{}', 'cron', '0 9 * * *', 'UTC', now(), 'skip', 60, '')",
        church_id=church_id,
    )
    ledger.query(
        "INSERT INTO messages (church_id, channel, content, segments, target_type, target, request_hash, request_id, "
        "send_at, schedule_id) SELECT church_id, channel, content, segments, target_type, target, '', 'r', now(), "
        "schedule_id FROM schedules"
    )

    assert ledger.query("SELECT merge_fields FROM messages") == [({"fields": []},)]


# --- arbitrary contents and contacts ----------------------------------------------------------------------------------

VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
PIECES = st.text("ab %$1€😀\n", max_size=60) | st.sampled_from(
    ["{{firstName|x}}", "{{name}}", "{{note}}", "{{phone}}", " {{note|no note}} "]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    content=st.lists(PIECES, min_size=1, max_size=6).map("".join).filter(str.strip),
    people=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4),
)
def test_everyone_gets_the_text_of_the_rule_and_nobody_the_text_of_another(
    ledger: Ledger, content: str, people: list[tuple[str, str]]
) -> None:
    church_id = ledger.church()
    expected: dict[str, str] = {}
    for number, (name, note) in zip(numbers(len(people)), people, strict=True):
        add_person(ledger, church_id, name, number, note=note)
        contact = MergeContact(name=name, phone=number, fields={"note": note})
        expected[number] = parse(content).merge(contact)
    message = send_merged(ledger, church_id, content)

    got = texts(ledger.claim(church_id))

    assert got == {number: text for number, text in expected.items() if text.strip()}
    assert segments_of(ledger, message) == sum(count_segments(text) for text in got.values())


def segments_of(ledger: Ledger, message: Message) -> int:
    [(segments,)] = ledger.query(
        "SELECT sum(segments)::int FROM deliveries WHERE message_id = %(id)s", id=message.message_id
    )
    return segments or 0


def contact_of(ledger: Ledger, phone: str) -> UUID:
    [(contact_id,)] = ledger.query("SELECT contact_id FROM contacts WHERE phone = %(phone)s", phone=phone)
    return contact_id
