"""`waitingFor`, the target, `completedAt` and `settledAt` of a message, and the warnings of a send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from messaging.addresses import AddressKind
from messaging.quiet_hours import Window
from messaging.states import Status
from store import contacts, message_expansion, message_lifecycle, messages, senders
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from tests.harness.churches import KnownChurch, add_contacts, create_church
from tests.harness.senders import set_mail_sender
from tests.integration.api.messages_in_progress import message_with, post_action
from tests.integration.store.ledger import Ledger, numbers


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


PAUSE_REASON = "the carrier refused the credentials"


def send(client: FlaskClient, church: KnownChurch, **body: Any) -> dict[str, Any]:
    request = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all", **body}
    response = client.post("/api/messages/send", json=request, headers=church.bearer)
    assert response.status_code == 202, response.text
    return response.get_json()


def get_message(client: FlaskClient, church: KnownChurch, message_id: object) -> dict[str, Any]:
    response = client.get(f"/api/messages/{message_id}", headers=church.bearer)
    assert response.status_code == 200, response.text
    return response.get_json()


def pause_sender(database: Database, church: KnownChurch) -> None:
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church.church_id, channel="sms", reason=PAUSE_REASON)


def opt_out_everyone(database: Database, church: KnownChurch) -> None:
    with church_scope(database, church.church_id) as connection:
        connection.execute(
            "INSERT INTO opt_outs (church_id, address, source) SELECT DISTINCT church_id, phone, 'test' FROM contacts"
        )


def codes(response: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in response["warnings"]]


def test_a_paused_sender_is_reported_by_its_messages_and_by_new_sends(
    client: FlaskClient, church: KnownChurch, database: Database, ledger: Ledger
) -> None:
    message = message_with(ledger, church.church_id, {Status.QUEUED: 2})
    pause_sender(database, church)

    shown = get_message(client, church, message.message_id)
    assert shown["status"] == "sending"
    assert shown["waitingFor"]["reason"] == "sender-paused"
    assert PAUSE_REASON in shown["waitingFor"]["detail"]
    assert "operator" in shown["waitingFor"]["detail"]
    assert datetime.fromisoformat(shown["waitingFor"]["since"]) <= datetime.now(UTC)
    assert shown["waitingFor"]["until"] is None

    accepted = send(client, church, targetType="numbers", phoneNumbers=["+12025550123"])
    assert codes(accepted) == ["sender-paused"]
    assert PAUSE_REASON in accepted["warnings"][0]["message"]
    assert get_message(client, church, accepted["id"])["waitingFor"]["reason"] == "sender-paused"

    with system_scope(database) as connection:
        senders.resume(connection, church_id=church.church_id, channel="sms")
    assert get_message(client, church, message.message_id)["waitingFor"] is None
    assert codes(send(client, church, targetType="numbers", phoneNumbers=["+12025550123"])) == []


def test_a_repeated_send_has_the_current_warnings(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    body = {
        "churchId": str(church.church_id),
        "content": "Grace",
        "targetType": "numbers",
        "phoneNumbers": ["+12025550123"],
    }
    headers = {**church.bearer, "Idempotency-Key": "once"}
    first = client.post("/api/messages/send", json=body, headers=headers)
    pause_sender(database, church)
    second = client.post("/api/messages/send", json=body, headers=headers)

    assert (first.get_json()["warnings"], codes(second.get_json())) == ([], ["sender-paused"])
    assert first.get_json()["id"] == second.get_json()["id"]


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.UNKNOWN, Status.SENDING])
def test_a_submitted_message_does_not_wait_for_a_paused_sender(
    client: FlaskClient, church: KnownChurch, database: Database, ledger: Ledger, status: Status
) -> None:
    message = message_with(ledger, church.church_id, {status: 2})
    pause_sender(database, church)

    assert get_message(client, church, message.message_id)["waitingFor"] is None


def test_a_paused_message_waits_until_it_is_resumed(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    message = message_with(ledger, church.church_id, {Status.QUEUED: 1, Status.SENT: 1})

    paused = post_action(client, church, message, "pause").get_json()

    assert (paused["waitingFor"]["reason"], paused["waitingForQuietHours"]) == ("message-paused", 0)
    assert post_action(client, church, message, "resume").get_json()["waitingFor"] is None
    assert post_action(client, church, message, "cancel").get_json()["waitingFor"] is None


def test_a_scheduled_message_waits_for_its_send_time(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=1)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    waiting = get_message(client, church, send(client, church, sendAt=later)["id"])

    assert waiting["waitingFor"]["reason"] == "send-time"
    assert datetime.fromisoformat(waiting["waitingFor"]["until"]) == datetime.fromisoformat(later)
    assert get_message(client, church, send(client, church)["id"])["waitingFor"] is None, "it is due now"


def test_deliveries_that_wait_for_quiet_hours_are_counted(client: FlaskClient, database: Database) -> None:
    """The texting hours are one minute, twelve hours from now, so every delivery waits."""
    now = datetime.now(UTC)
    minute = (now.hour * 60 + now.minute + 720) % 1440
    church = create_church(database, window=Window(opens=minute, closes=minute + 1))
    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET time_zone = 'UTC' WHERE church_id = %s", (church.church_id,))
    with church_scope(database, church.church_id) as connection:
        people = [Person(name=f"Person {n}", phone=f"+1202{5550000 + n}") for n in range(3)]
        contacts.add(connection, church_id=church.church_id, people=people)
        connection.execute("UPDATE contacts SET time_zone = 'Etc/UTC'")
    message_id = send(client, church)["id"]
    with church_scope(database, church.church_id) as connection:
        message_expansion.expand(
            connection,
            message_ids=[message_id],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
        )

    shown = get_message(client, church, message_id)

    assert (shown["waitingForQuietHours"], shown["counts"]["queued"]) == (3, 3)
    assert shown["waitingFor"]["reason"] == "quiet-hours"
    assert now < datetime.fromisoformat(shown["waitingFor"]["until"]) <= now + timedelta(days=1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE senders SET slowed_until = now() + interval '1 minute'", "carrier-limit"),
        ("UPDATE senders SET segments_per_second = 1", "pace"),
        ("UPDATE deliveries SET due_at = now() + interval '1 minute', reason = 'busy'", "retry"),
    ],
)
def test_temporary_waits_are_shown(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, change: str, reason: str
) -> None:
    message = message_with(ledger, church.church_id, {Status.QUEUED: 1})
    assert get_message(client, church, message.message_id)["waitingFor"] is None
    ledger.query(change)

    wait = get_message(client, church, message.message_id)["waitingFor"]

    assert wait["reason"] == reason
    assert (wait["until"] is None) == (reason == "pace")


def test_a_disabled_channel_is_shown_as_the_reason(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    """The API refuses new messages on the channel. Messages that were accepted before wait."""
    set_mail_sender(database, church.church_id)
    with church_scope(database, church.church_id) as connection:
        message, _ = messages.insert(
            connection,
            messages.NewMessage(
                church_id=church.church_id,
                channel="mail",
                content="Grace",
                segments=1,
                target_type="addresses",
                target={"emailAddresses": ["ruth@example.org"]},
                idempotency_key=None,
                request_hash=bytes(32),
                request_id="r",
                send_at=None,
            ),
        )

    wait = get_message(client, church, message.message_id)["waitingFor"]

    assert wait["reason"] == "channel-unavailable"
    assert "SMTP_URL" in wait["detail"]


def test_a_send_without_recipients_is_accepted_with_a_warning(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    add_contacts(database, other_church.church_id, count=1)
    accepted = send(client, church)
    assert codes(accepted) == ["no-recipients"]
    assert "phone number" in accepted["warnings"][0]["message"]

    [contact] = add_contacts(database, church.church_id, count=1)
    assert codes(send(client, church)) == []
    assert codes(send(client, church, targetType="contacts", contactIds=[str(contact)])) == []

    opt_out_everyone(database, church)
    assert codes(send(client, church)) == ["no-recipients"]
    assert codes(send(client, church, targetType="contacts", contactIds=[str(contact)])) == ["no-recipients"]
    to_numbers: dict[str, Any] = {"targetType": "numbers", "phoneNumbers": ["+12025550000"]}
    assert codes(send(client, church, **to_numbers)) == ["no-recipients"]
    to_numbers["phoneNumbers"].append("+12025550123")
    assert codes(send(client, church, **to_numbers)) == []

    pause_sender(database, church)
    assert codes(send(client, church)) == ["sender-paused", "no-recipients"]


def test_contacts_without_a_number_are_not_counted_as_recipients_of_a_text(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    with church_scope(database, church.church_id) as connection:
        person = Person(name="Ruth", phone=None, email="ruth@example.org")
        [added] = contacts.add(connection, church_id=church.church_id, people=[person])

    assert codes(send(client, church)) == ["no-recipients"]
    assert codes(send(client, church, targetType="contacts", contactIds=[str(added.contact_id)])) == ["no-recipients"]


def test_a_schedule_has_the_same_warnings_when_it_is_created_and_run(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    plan = {
        "churchId": str(church.church_id),
        "content": "Grace",
        "targetType": "all",
        "recurrence": {"cron": "0 9 * * SUN"},
    }
    made = client.post("/api/schedules", json=plan, headers=church.bearer)
    assert (made.status_code, codes(made.get_json())) == (201, ["no-recipients"])

    pause_sender(database, church)
    add_contacts(database, church.church_id, count=1)
    assert codes(client.post("/api/schedules", json=plan, headers=church.bearer).get_json()) == ["sender-paused"]
    run = client.post(f"/api/schedules/{made.get_json()['id']}/run-now", headers=church.bearer)
    assert (run.status_code, codes(run.get_json())) == (202, ["sender-paused"])


def test_a_message_shows_its_target_and_the_list_does_not(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    people = [str(contact) for contact in add_contacts(database, church.church_id, count=2)]
    targets = {
        "all": {},
        "contacts": {"contactIds": people},
        "numbers": {"phoneNumbers": numbers(2)},
    }
    for target_type, target in targets.items():
        shown = get_message(client, church, send(client, church, targetType=target_type, **target)["id"])
        assert shown["targetType"] == target_type
        found = {name: shown[name] for name in ("contactIds", "phoneNumbers", "emailAddresses")}
        assert found == {"contactIds": None, "phoneNumbers": None, "emailAddresses": None, **target}

    [first, *_] = client.get("/api/messages", headers=church.bearer).get_json()["items"]
    assert not {"contactIds", "phoneNumbers", "waitingFor"} & first.keys()
    assert {"targetType", "completedAt", "settledAt"} <= first.keys()


def complete_and_settle(ledger: Ledger, *, give_up_seconds: float = 3 * 24 * 3600) -> None:
    with system_scope(ledger.database) as connection:
        message_lifecycle.complete(connection)
        message_lifecycle.set_settled_at(connection, give_up_seconds=give_up_seconds)


def completion(client: FlaskClient, church: KnownChurch, message_id: object) -> tuple[str, bool, bool]:
    """Return the status, whether `completedAt` is set, and whether `settledAt` is set."""
    shown = get_message(client, church, message_id)
    return shown["status"], shown["completedAt"] is not None, shown["settledAt"] is not None


@pytest.mark.parametrize(
    ("status", "completed", "settled"),
    [
        (Status.QUEUED, False, False),
        (Status.SENDING, False, False),
        (Status.UNKNOWN, True, False),
        (Status.SENT, True, False),
        (Status.UNDELIVERED, True, True),
        (Status.FAILED, True, True),
        (Status.DELIVERED, True, True),
    ],
)
def test_a_message_is_completed_when_submitted_and_settled_when_final(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, status: Status, completed: bool, settled: bool
) -> None:
    message = message_with(ledger, church.church_id, {status: 1, Status.DELIVERED: 1})
    complete_and_settle(ledger)

    assert completion(client, church, message.message_id)[1:] == (completed, settled)


def test_a_message_is_settled_after_the_give_up_time_unless_a_delivery_is_in_doubt(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    without_receipt = message_with(ledger, church.church_id, {Status.SENT: 1})
    in_doubt = message_with(ledger, church.church_id, {Status.SENT: 1, Status.UNKNOWN: 1}, first=10)
    complete_and_settle(ledger, give_up_seconds=-1)

    assert completion(client, church, without_receipt.message_id) == ("completed", True, True)
    assert completion(client, church, in_doubt.message_id) == ("completed", True, False)


def test_a_retried_message_is_no_longer_settled(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    message = message_with(ledger, church.church_id, {Status.FAILED: 1, Status.DELIVERED: 1})
    complete_and_settle(ledger)
    assert completion(client, church, message.message_id) == ("completed", True, True)

    post_action(client, church, message, "retry-failed")
    complete_and_settle(ledger)

    assert completion(client, church, message.message_id) == ("sending", False, False)


@pytest.mark.parametrize(
    ("resolution", "after"), [("queued", ("sending", False, False)), ("sent", ("completed", True, False))]
)
def test_a_resolved_delivery_reopens_or_completes_its_message(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, resolution: str, after: tuple[str, bool, bool]
) -> None:
    message = message_with(ledger, church.church_id, {Status.UNKNOWN: 1})
    complete_and_settle(ledger)
    [(delivery,)] = ledger.query("SELECT delivery_id FROM deliveries")

    path = f"/api/messages/{message.message_id}/deliveries/{delivery}/resolve"
    assert client.post(path, json={"status": resolution}, headers=church.bearer).status_code == 204
    complete_and_settle(ledger)

    assert completion(client, church, message.message_id) == after


def test_a_message_canceled_before_its_send_time_is_completed_and_settled(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    message_id = send(client, church, sendAt=later)["id"]
    assert client.post(f"/api/messages/{message_id}/cancel", headers=church.bearer).status_code == 200
    complete_and_settle(ledger)

    assert completion(client, church, message_id) == ("canceled", True, True)
