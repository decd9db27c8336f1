"""What the API shows of messages that are redacted, and of those whose deliveries are no longer kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from jobs import prune
from jobs.job_queue.inline_job_queue import InlineJobQueue
from jobs.worker.runtime import Runtime, use_runtime
from messaging.states import Status
from settings import Settings
from store.database import Database
from store.messages import Message
from tests.harness.churches import KnownChurch
from tests.integration.api.conftest import PUBLIC_URL, TWILIO_TOKEN
from tests.integration.api.messages_in_progress import message_with, post_action
from tests.integration.store.inbound_texts import receive
from tests.integration.store.ledger import Ledger
from tests.integration.store.old_messages import age

WANTED = {Status.DELIVERED: 3, Status.FAILED: 2, Status.SENT: 1}
Prune = Callable[[], None]


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def run_prune(settings: Settings, database: Database) -> Prune:
    def run() -> None:
        for _ in range(2):  # what is marked in one run may be deleted in the next
            with use_runtime(Runtime(settings, database=database, job_queue=InlineJobQueue(settings))):
                prune.prune()

    return run


def get(client: FlaskClient, church: KnownChurch, path: str) -> dict[str, Any]:
    answer = client.get(path, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_an_old_message_keeps_its_counts_and_loses_its_text_and_deliveries(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, run_prune: Prune
) -> None:
    old, young = (message_with(ledger, church.church_id, WANTED, first=10 * n) for n in range(2))
    age(ledger, old, days=401)
    age(ledger, young, days=399)
    before, young_before = (get(client, church, f"/api/messages/{each.message_id}") for each in (old, young))

    run_prune()

    after = get(client, church, f"/api/messages/{old.message_id}")
    assert after["counts"] == before["counts"]
    assert after["counts"]["audience"] == 6
    assert (after["content"], after["phoneNumbers"]) == ("", None)
    assert after["redactedAt"] is not None
    assert after["deliveriesPrunedAt"] is not None
    assert get(client, church, f"/api/messages/{young.message_id}") == young_before
    listed = get(client, church, "/api/messages")["items"]
    assert [each["deliveriesPrunedAt"] is None for each in listed] == [True, False]


def test_the_list_of_deliveries_says_that_they_are_no_longer_kept(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, run_prune: Prune
) -> None:
    message = age(ledger, message_with(ledger, church.church_id, WANTED), days=401)
    path = f"/api/messages/{message.message_id}/deliveries"
    first = get(client, church, f"{path}?limit=2")
    assert first["prunedAt"] is None

    run_prune()

    for query in ("", "?status=failed", f"?cursor={first['next']}"):
        page = get(client, church, path + query)
        assert (page["items"], page["next"]) == ([], None)
        assert page["prunedAt"] is not None


@pytest.mark.parametrize(
    "half_way", ["UPDATE messages SET redacted_at = now()", "UPDATE messages SET prune_began_at = now()"]
)
def test_an_old_message_is_not_sent_again(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, half_way: str
) -> None:
    """Not even when only one of the two has been done so far: the text would be empty, or the counts wrong."""
    message = age(ledger, message_with(ledger, church.church_id, WANTED), days=401)
    ledger.query(half_way)

    answer = post_action(client, church, message, "retry-failed")

    assert answer.status_code == 409
    assert "no longer kept" in answer.get_json()["detail"]


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
def test_no_action_changes_the_counts_of_an_old_message(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, run_prune: Prune, action: str
) -> None:
    message = age(ledger, message_with(ledger, church.church_id, WANTED), days=401)
    run_prune()
    before = get(client, church, f"/api/messages/{message.message_id}")

    post_action(client, church, message, action)

    assert get(client, church, f"/api/messages/{message.message_id}") == before


def test_a_callback_for_a_deleted_delivery_is_answered_and_changes_nothing(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, run_prune: Prune
) -> None:
    message = age(ledger, message_with(ledger, church.church_id, WANTED), days=401)
    [(delivery_id, carrier_id)] = ledger.query("SELECT delivery_id, carrier_id FROM deliveries WHERE status = 'sent'")
    before = get(client, church, f"/api/messages/{message.message_id}")["counts"]
    run_prune()
    path = f"/callbacks/sms/{delivery_id}/1"
    fields = {"MessageSid": carrier_id, "MessageStatus": "delivered", "To": "+12025550123"}
    signature = RequestValidator(TWILIO_TOKEN).compute_signature(PUBLIC_URL + path, fields)

    answer = client.post(path, data=fields, headers={"X-Twilio-Signature": signature})
    ledger.apply()

    assert answer.status_code == 204
    assert not ledger.has_unapplied()
    assert get(client, church, f"/api/messages/{message.message_id}")["counts"] == before


def test_another_run_finishes_what_a_killed_one_left(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, run_prune: Prune
) -> None:
    message: Message = age(ledger, message_with(ledger, church.church_id, WANTED), days=401)
    before = get(client, church, f"/api/messages/{message.message_id}")["counts"]
    ledger.query("UPDATE messages SET prune_began_at = now()")
    ledger.query("DELETE FROM deliveries WHERE status = 'failed'")
    assert get(client, church, f"/api/messages/{message.message_id}")["counts"] == before

    run_prune()

    assert ledger.query("SELECT count(*) FROM deliveries") == [(0,)]
    assert get(client, church, f"/api/messages/{message.message_id}")["counts"] == before


def test_incidents_are_deleted_long_after_they_are_over(ledger: Ledger, run_prune: Prune) -> None:
    for kind, days in (("old", 401), ("young", 399)):
        ledger.query(
            "INSERT INTO incidents (incident_id, kind, subject, opened_at, last_seen_at, recovered_at, summary, facts, "
            "checks_to_recover, notices, version) SELECT uuidv7(), %(kind)s, '', at, at, at, 'down', '{}', 3, '[]', 1 "
            "FROM (SELECT now() - %(days)s * interval '1 day' AS at)",
            kind=kind,
            days=days,
        )
    ledger.query(
        "INSERT INTO incidents (incident_id, kind, subject, opened_at, last_seen_at, summary, facts, "
        "checks_to_recover, notices, version) SELECT uuidv7(), 'open', '', at, at, 'down', '{}', 3, '[]', 1 "
        "FROM (SELECT now() - interval '500 days' AS at)"
    )

    run_prune()

    assert {kind for (kind,) in ledger.query("SELECT kind FROM incidents")} == {"young", "open"}


def test_what_people_wrote_is_redacted_with_its_conversation_when_it_is_old(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, run_prune: Prune
) -> None:
    old = receive(ledger, church.church_id, "+12025550123", "an old text", ago=timedelta(days=401))
    receive(ledger, church.church_id, "+12025550124", "a newer text", ago=timedelta(days=399))

    run_prune()
    run_prune()

    newer, older = get(client, church, "/api/inbound")["items"]
    assert (older["id"], older["content"], older["phone"]) == (str(old), "", None)
    assert older["redactedAt"] is not None
    assert (newer["content"], newer["redactedAt"]) == ("a newer text", None)
    [conversation] = get(client, church, "/api/conversations")["items"]
    assert conversation["phone"] == "+12025550124"
    assert "+12025550123" not in str(ledger.query("SELECT i::text, c::text FROM inbound_messages i, conversations c"))


def test_a_conversation_that_goes_on_keeps_what_is_not_old(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, run_prune: Prune
) -> None:
    for days, content in ((401, "old"), (1, "new")):
        receive(ledger, church.church_id, "+12025550123", content, ago=timedelta(days=days))

    run_prune()

    [conversation] = get(client, church, "/api/conversations")["items"]
    history = get(client, church, f"/api/conversations/{conversation['id']}")
    assert [item["content"] for item in history["items"]] == ["new"]
